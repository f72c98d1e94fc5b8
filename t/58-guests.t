# Guests whom nobody can be again are forgotten, so that who logs in ten thousand times makes no database grow for ever; but not
# those who are here, may come back, or whom a message, a direct room or a room's members name.
use v5.36;
use Test::More;
use Chatterbox;
use DBI;

my $server = Chatterbox->start;
my $word   = 'correct horse battery';
my $flood  = 1000;    # as many again, more than go at a time
my $ada    = $server->account('ada', $word)->join;
my %guest  = map { $_ => $server->guest($_) } qw(lapsed lapsed-writer lapsed-member lapsed-owner lapsed-public fresh in here gone gone-writer gone-direct gone-private);

sub names () {
    my $db    = $server->db;
    my $names = $db->selectcol_arrayref('SELECT username FROM users ORDER BY username');
    $db->disconnect;
    return @$names;
}
sub count_members () { $ada->get('/api/rooms/1/members')->json->{count} }

# the tokens of these are long over, and they were last seen long ago; and of many others
sub age (@names) {
    my $db = DBI->connect('dbi:SQLite:' . $server->database, '', '', {RaiseError => 1, PrintError => 0});
    for my $name (@names) {
        $db->do('UPDATE users SET last_seen = 1 WHERE username = ?', undef, $name);
        $db->do('UPDATE sessions SET expires_at = 1 WHERE user_id = (SELECT id FROM users WHERE username = ?)', undef, $name);
    }
    $db->begin_work;
    for my $i (1 .. $flood) {
        $db->do("INSERT INTO users (username, display_name, created_at, last_seen) VALUES (?, 'x', 1, 1)", undef, "flood$i");
        $db->do('INSERT INTO members (room_id, user_id) VALUES (1, ?)', undef, $db->last_insert_id);
    }
    $db->commit;
    $db->do("UPDATE users SET last_seen = 1 WHERE username = 'in'");
    $db->do("UPDATE sessions SET expires_at = 1 WHERE user_id = (SELECT id FROM users WHERE username = 'fresh')");
    $db->disconnect;
}

for my $writer (qw(lapsed-writer gone-writer)) {
    is $guest{$writer}->post('/api/rooms/1/messages', {text => "by $writer"})->code, 201, "$writer says something";
}
my $private = $ada->post('/api/rooms', {kind => 'private', name => 'ours'})->json->{id};
my $public  = $ada->post('/api/rooms', {kind => 'public', name => 'everybody'})->json->{id};
is $ada->post("/api/rooms/$private/members", {username => $_})->code, 200, "$_ is in a private room" for qw(lapsed-member gone-private);
is $guest{'lapsed-public'}->post("/api/rooms/$public/members")->code, 200, '... and one was in a public one';
is $server->request(DELETE => "/api/rooms/$public/members/lapsed-public", undef, $guest{'lapsed-public'}->auth)->code, 204, '... and left it';
is $guest{'lapsed-owner'}->post('/api/rooms', {kind => 'public', name => 'mine'})->code, 201, 'one has a room';
my $direct = $ada->post('/api/direct', {username => 'gone-direct'})->json->{id};
is $guest{$_}->post('/api/logout')->code, 204, "$_ logs out" for qw(gone gone-writer gone-direct gone-private);
is count_members(), 9, 'members of general: nine are left';
$server->stop;
age(qw(lapsed lapsed-writer lapsed-member lapsed-owner lapsed-public here));
$server->launch;
$guest{here}->join;
$ada->reconnect;
is count_members(), 9 + $flood, '... and a flood of others';

my @stay = sort 'ada', 'fresh', 'gone-direct', 'gone-writer', 'here', 'in', 'lapsed-member', 'lapsed-owner', 'lapsed-writer';
eval { wait_until 'guests are forgotten', sub { names() == @stay }, 15 };
is_deeply [sort(names())], \@stay, 'some are forgotten, these are not';
is count_members(), 7, 'members of general: those are fewer';

story 'what is left is whole' => sub {
    is_deeply [map { $_->{username} } @{$ada->history(1)}], ['lapsed-writer', 'gone-writer'], 'messages have their authors';
    my ($room) = grep { $_->{id} == $direct } @{$ada->get('/api/rooms')->json->{rooms}};
    is $room->{name}, 'gone-direct', 'a direct room has its other';
    is $ada->get("/api/rooms/$private/members")->json->{count}, 2, 'a private room has its members';
    is $ada->get("/api/rooms/$public/members")->json->{count},  1, 'a public one, too';
    ok $guest{here}->ack($guest{here}->say('still here')), 'who is here speaks';
    is $guest{in}->get('/api/me')->code, 200, 'who has a session may come back';
    is_problem $server->post('/api/login', {username => 'fresh'}), 409, 'name_taken', 'a name is kept for a day';
    is_problem $guest{$_}->get('/api/me'), 401, 'unauthorized', "$_ is nobody any more" for qw(lapsed gone);
    my $next = $server->connect('lapsed');
    cmp_ok $next->user->{id}, '>', $guest{'gone-private'}->user->{id}, 'who has the name next is somebody new';
    is count_members(), 8, '... and a member';
    is_deeply $server->db->selectall_arrayref('PRAGMA foreign_key_check'), [], 'nothing refers to nobody';
};

$server->stop;
done_testing;
