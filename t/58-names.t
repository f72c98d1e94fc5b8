# Who is here, and what a wrong password tells: nothing. Whatever a name is (an account, nobody, a guest, one that a guest gave up, one
# that nobody can have), POST /api/login with a password answers the same bytes, runs one job of the pool, and takes the
# processor's time of one Argon2id. Time is counted in what the server's threads used, not by the clock, so other load does not
# matter; what is compared is the least of a few rounds.
#
# Names are no secrets to those who chat, so these tell by design that somebody has a name:
#   - POST /api/register: 409 name_taken. Names are unique, and who registers must be told.
#   - POST /api/login without a password: 409 for a guest's, 401 for an account's, else 200, and the name is taken then.
#   - POST /api/direct and POST /api/rooms/{room}/members: 404 where nobody has it. One must be logged in.
#   - members of rooms that one is in, `welcome`, presence, messages: names and display names of those who are there.
# What is told to nobody: whether a name has a password, but by registering or as a guest; e-mail or address, for there is none;
# members of rooms that one is not in; how often a name was tried by others, but that it is closed for a minute (429), which a
# name that nobody has is, too.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(encode_json);

my $word = 'correct horse battery';

my $server = Chatterbox->start('num-threads' => 2);
$server->account('ada', $word);
$server->guest('gus');
$server->guest('gone')->post('/api/logout');
$server->account('left', $word)->post('/api/logout?everywhere=1');
my %name = (
'an account' => 'ada', 'in capitals' => 'ADA', 'one who is not here' => 'left', 'a guest' => 'gus', 'a name given up' => 'gone', 'nobody' => 'nemo',
        'an empty name' => '', 'no name at all' => 'a b/../', 'one too long' => 'a' x 33, 'one far too long' => 'a' x 5000, 'not ASCII' => "\x{e4}da", 'a control character' => "ada\x{1}"
);

# an answer without its date, as bytes
sub answer ($name, $password) {
    state $raw = Chatterbox::Raw->new($server);
    my $body = encode_json({username => $name, password => $password});
    $raw->put("POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
    $raw->read_head;
    my %fields = %{$raw->{headers}};
    delete $fields{date};
    return join "\n", $raw->status, (map {"$_: $fields{$_}"} sort keys %fields), $raw->body;
}

sub jobs () { $server->get('/metrics')->body =~ /^chatterbox_jobs_total (\d+)/m ? $1 : die 'no such counter' }

# nanoseconds that the server's threads have used
sub work () {
    my $sum = 0;
    for my $path (glob '/proc/' . $server->pid . '/task/*/schedstat') { $sum += (split ' ', eval { Chatterbox::slurp($path) } // 0)[0] }
    return $sum;
}

story 'one answer for all' => sub {
    my $refusal = answer('ada', 'a wrong horse');
    like $refusal, qr/^401\n.*"code":"bad_credentials"/s, 'a wrong password: 401 bad_credentials';
    for my $kind (sort keys %name) {
        my $before = jobs();
        is answer($name{$kind}, 'a wrong horse'), $refusal, "$kind: the same answer";
        is jobs() - $before, 1, '... for the same work';
    }
    my %wrong = ('' => 'nemo', 'short' => 'nemo', 'x' x 5000 => 'nemo', "a\0b" => 'nemo', 'x' x 257 => 'left', "$word " => 'left', uc $word => 'left', '1' => 'left');
    for my $password (sort keys %wrong) {
        my $before = jobs();
        is answer($wrong{$password}, $password), $refusal, 'a password of ' . length($password) . ' characters: the same answer';
        is jobs() - $before, 1, '... for the same work';
    }
    like answer('ada', $word), qr/^200\n/, 'control: the right one';
    like answer('gus', $word), qr/^401\n/, 'a guest has none, so none is right';
};

story 'the same time' => sub {
    my @kinds = ('an account', 'nobody', 'a guest', 'a name given up', 'one too long');
    my %least;
    for my $round (1 .. ($server->sanitized ? 1 : 3)) {
        for my $kind (@kinds) {
            my $before = work();
            answer($name{$kind}, 'a wrong horse');
            my $used = work() - $before;
            $least{$kind} = $used if !$least{$kind} || $used < $least{$kind};
        }
    }
    my $account = $least{'an account'};
    cmp_ok $account, '>', 5e6, sprintf 'a wrong password costs %.1f ms', $account / 1e6;
    for my $kind (grep { $_ ne 'an account' } @kinds) {
        my $ratio = $least{$kind} / $account;
        ok $ratio > 0.6 && $ratio < 1.6, sprintf '%s: %.2f of it', $kind, $ratio;
    }
};

story 'a name that was tried too often is closed, whether somebody has it or not' => sub {
    my %last;
    for my $who (qw(ada nemo)) {    # both have had some
        my $tries = 0;
        do { $last{$who} = answer($who, 'wrong ' . ++$tries) } while $last{$who} =~ /^401\n/ && $tries < 11;
        like $last{$who}, qr/^429\n.*"code":"rate_limited"/s, "$who: closed";
        $last{$who} =~ s/^retry-after: \d+$/retry-after: some/m;
    }
    is $last{nemo}, $last{ada}, 'with the same answer';
    is $server->post('/api/login', {username => 'ada', password => $word})->code, 429, 'for the right one, too';
};

story 'who is not logged in, or not in a room, learns of nobody' => sub {
    my $own  = $server->guest('owner');
    my $room = $own->post('/api/rooms', {kind => 'private', name => 'secret'})->json->{id};
    my $none = $room + 1000;
    my @ask  = map { my $r = $_; (["GET", "/api/rooms/$r/members"], ["GET", "/api/rooms/$r/messages"], ["POST", "/api/rooms/$r/members", {username => 'gus'}],
        ["DELETE", "/api/rooms/$r/members/owner"], ["PATCH", "/api/rooms/$r", {topic => 'x'}], ["POST", "/api/rooms/$r/messages", {text => 'x'}]) } $room, $none;
    my $eve  = $server->guest('eve');
    my %said;
    for my $ask (@ask) {
        my ($method, $path, $body) = @$ask;
        is_problem $server->request($method => $path, $body), 401, 'unauthorized', "$method $path of a stranger";
        my $res = $server->request($method => $path, $body, $eve->auth);
        push @{$said{"$method " . $path =~ s/\d+/N/r}}, $res->code . $res->body;
    }
    is $said{$_}[0], $said{$_}[1], "$_: a room that one is not in is as one that there is not" for sort keys %said;
    is_problem $server->post('/api/direct', {username => 'ada'}), 401, 'unauthorized', 'a stranger does not learn who there is';
};

delete $server->{ua};
$server->stop;
done_testing;
