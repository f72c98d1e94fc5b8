# Who tries too much is held back, by name and address, and nobody else is: not the owner of a name that is being guessed, who is
# elsewhere; not others behind the same proxy. (What takes hundreds of passwords is in t/unit/test_limits.c.) The server believes a proxy that it was told of, and nobody else, about who asks.
use v5.36;
use Test::More;
use Chatterbox;
use File::Temp;
use IO::Socket::UNIX;

my $word = 'correct horse battery';
my $log  = File::Temp->new;

my $server = Chatterbox->start(
    'chatterbox.trusted-proxies'   => ['127.0.0.1', '10.0.0.0/8'],
    'chatterbox.logins-per-minute' => 4,
    'access-log'                   => {path => "$log", format => '%h %m %U %s'}
);

sub from  ($address)                   { ('X-Forwarded-For' => $address) }
sub login ($name, $password, $address) { $server->post('/api/login', {username => $name, password => $password}, from($address)) }
sub jobs  ()                           { $server->get('/metrics')->body =~ /^chatterbox_jobs_total (\d+)/m ? $1 : die 'no such counter' }

# refused, until when, and without a look at the password
sub is_closed ($name, $address, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = jobs();
    my $res    = login($name, $word, $address);
    is_problem $res, 429, 'rate_limited', $what;
    like $res->headers->header('Retry-After') // '', qr/^(?:[1-9]|[1-5]\d|60)$/, '... and told for how long';
    is jobs(), $before, '... before any password is looked at';
    return $res;
}

my %account = map { $_ => $server->post('/api/register', {username => $_, password => $word}, from('192.0.2.1'))->json } qw(ada bob);

story 'a name is closed to who guesses, and to nobody else' => sub {
    my $change = sub ($old) {
        return $server->request(PATCH => '/api/me', {password => $word, old_password => $old}, from('198.51.100.1'), Authorization => "Bearer $account{ada}{token}");
    };
    is_problem $change->("wrong $_"), 401, 'bad_credentials', "old_password is wrong: $_" for 1 .. 2;
    is_problem login('ada', "wrong $_", '198.51.100.1'), 401, 'bad_credentials', "the password is: $_" for 3 .. 10;
    my $closed = is_closed('ada', '198.51.100.1', 'an eleventh');
    is_problem $change->($word), 429, 'rate_limited', '... also as old_password';
    is login('ada', $word, '198.51.100.2')->code, 200, 'the owner comes in from elsewhere, at once';
    is login('bob', $word, '198.51.100.1')->code, 200, 'others come in from there';

    is_problem login('nemo', "wrong $_", '198.51.100.1'), 401, 'bad_credentials', "a name that nobody has: $_" for 1 .. 10;
    my $none = is_closed('nemo', '198.51.100.1', 'is closed as well');
    is $none->body, $closed->body, '... with the same answer';
};

story 'those who come at once are not looked at all' => sub {
    my (@answers, @agents);
    my $before = jobs();
    for my $i (1 .. 40) {
        push @agents, my $ua = Chatterbox::user_agent();
        $ua->post($server->url . '/api/login', {from('198.51.100.6')}, json => {username => 'dora', password => "wrong $i"}, sub ($ua, $tx) { push @answers, $tx->res });
    }
    wait_until 'all are answered', sub { @answers == 40 }, 30;
    is jobs() - $before, 10, 'ten';
    is scalar(grep { $_->code == 401 } @answers), 10, '... which were wrong';
    is scalar(grep { $_->code == 429 && $_->headers->header('Retry-After') >= 1 } @answers), 30, 'the others have to wait';
};

story 'guests and new accounts, by address' => sub {
    my $n    = 0;
    my $new  = sub ($where) { $server->post('/api/login', {username => 'g' . ++$n}, from($where)) };
    my $make = sub ($where) { $server->post('/api/register', {username => 'r' . ++$n, password => $word}, from($where)) };
    is $new->('203.0.113.1')->code,  200, 'a guest'      for 1 .. 2;
    is $make->('203.0.113.1')->code, 201, 'a registered' for 1 .. 2;
    my $before = jobs();
    for my $res ($new->('203.0.113.1'), $make->('203.0.113.1')) {
        is_problem $res, 429, 'rate_limited', 'a fifth';
        like $res->headers->header('Retry-After') // '', qr/^(?:[1-9]|[1-5]\d|60)$/, '... and told for how long';
    }
    is jobs(), $before, '... and nothing was hashed';
    is $new->('203.0.113.2')->code, 200, 'elsewhere is another matter';
    is login('bob', $word, '203.0.113.1')->code, 200, 'who has a password comes in';
    is $new->("2001:db8::$_")->code, 200, 'IPv6' for 1 .. 4;
    is $new->('2001:db8::ffff:1')->code,   429, 'counts by its network';
    is $new->('2001:db8:0:1::ffff')->code, 200, '... of 64 bits';
    is_problem $server->post('/api/login', {username => 'not a name'}, from('203.0.113.3')), 422, 'bad_name', 'what is no name' for 1 .. 5;
    is $new->('203.0.113.3')->code, 200, '... does not count';
};

story 'whom a proxy names' => sub {
    my $n = 0;
    my %is = (
        '6.6.6.6, 203.0.113.10'             => '203.0.113.10',
        '203.0.113.11, 10.1.2.3,10.200.0.1' => '203.0.113.11',
        '2001:db8:5::1'                     => '2001:db8:5::1',
        '203.0.113.12, what?'               => '127.0.0.1',
        '203.0.113.13,'                     => '127.0.0.1'
    );
    for my $header (sort keys %is) {
        is $server->get('/healthz?' . ++$n, from($header))->code, 200, $header;
        my $want = "$is{$header} GET /healthz 200";
        eval { wait_until 'it is logged', sub { Chatterbox::slurp("$log") =~ /\Q$want\E\n\z/ }, 5 };
        like Chatterbox::slurp("$log"), qr/\Q$want\E\n\z/, "... is $is{$header} in the log";
    }
    is $server->get('/healthz')->code, 200, 'no header';
    wait_until 'it is logged', sub { Chatterbox::slurp("$log") =~ /127\.0\.0\.1 GET \/healthz 200\n\z/ };
};
delete $server->{ua};
$server->stop;

story 'nobody is trusted unless it is said' => sub {
    my $own = Chatterbox->start('chatterbox.logins-per-minute' => 2, 'chatterbox.trusted-proxies' => ['10.0.0.0/8', 'unix']);
    my $n   = 0;
    my $new = sub { $own->post('/api/login', {username => 'g' . ++$n}, from("203.0.113.$n")) };
    is $new->()->code, 200, 'a guest, with a header of his own' for 1 .. 2;
    is_problem $new->(), 429, 'rate_limited', 'is one and the same';
    delete $own->{ua};
    $own->stop;
};

story 'by a unix socket' => sub {
    my $dir = File::Temp->newdir;
    my $ask = sub ($n, $path) {
        my $socket = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
        my $body   = qq({"username":"u$n"});
        print $socket "POST /api/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.$n\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
        return (readline($socket) // '') =~ m{^HTTP/1.1 (\d+)} ? $1 : 'no answer';
    };
    my %codes = ('127.0.0.1' => '200 200 429', unix => '200 200 200');    # who is not trusted is one, whoever is behind him
    for my $trusted (sort keys %codes) {
        my $path = "$dir/$trusted.sock";
        my $own  = Chatterbox->start(
            -listen                        => [{host => '127.0.0.1', port => 0}, {type => 'unix', port => $path}],
            'chatterbox.logins-per-minute' => 2,
            'chatterbox.trusted-proxies'   => $trusted
        );
        is join(' ', map { $ask->($_, $path) } 1 .. 3), $codes{$trusted}, "trusted is $trusted";
        $own->stop;
    }
};

done_testing;
