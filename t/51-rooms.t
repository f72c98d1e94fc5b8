# Rooms: who makes, joins, adds, leaves, removes and changes them, who may what, and one direct room for two.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start('num-threads' => 2);
my ($ann, $ben, $cy) = map { $server->connect($_) } qw(ann ben cy);

sub call ($who, $method, $path, $body = undef) { $server->request($method => $path, $body, $who->auth) }

sub room_frame ($who, $id) {
    return wait_until "$who->{name} hears of room $id", sub {
        (grep { $_->{room}{id} == $id } $who->frames('room'))[-1]
    };
}

story 'a private room' => sub {
    my $res = call($ann, POST => '/api/rooms', {kind => 'private', name => 'secret', topic => 'hush'});
    is $res->code, 201, 'made';
    my $room = $res->json;
    is_deeply [@$room{qw(kind name topic rev unread)}], ['private', 'secret', 'hush', 0, 0], '... as asked';
    my $path = "/api/rooms/$room->{id}";
    ok room_frame($ann, $room->{id})->{joined}, 'its maker is told';
    is_problem call($ben, POST => "$path/members", {}), 404, 'not_found', 'it does not exist for others: joining';
    is_problem call($ben, GET => "$path/messages"), 404, 'not_found', '... reading';
    is_problem call($ben, POST => "$path/messages", {text => 'x'}), 404, 'not_found', '... writing';
    is_problem call($ben, PATCH => $path, {topic => 'x'}), 404, 'not_found', '... changing';
    is scalar(grep { $_->{id} == $room->{id} } @{call($ben, GET => '/api/rooms')->json->{rooms}}), 0, '... listing';

    is call($ann, POST => "$path/members", {username => 'ben'})->code, 200, 'a member adds another';
    ok room_frame($ben, $room->{id})->{joined}, '... who is told';
    my $said = $ann->ack($ann->say('in here', room => $room->{id}));
    $ben->until(sub { grep { $_->{message}{id} == $said->{id} } $ben->frames('message') });
    pass '... and hears what is said';
    is scalar(grep { $_->{room} == $room->{id} } $cy->frames('message')), 0, 'nobody else does';

    is_problem call($ben, PATCH => $path, {topic => 'mine'}), 403, 'forbidden', 'only the owner changes it';
    is_problem call($ben, DELETE => "$path/members/ann"), 403, 'forbidden', '... and removes others';
    is call($ann, PATCH => $path, {topic => 'louder'})->json->{topic}, 'louder', 'the owner does';
    wait_until 'ben hears of it', sub { room_frame($ben, $room->{id})->{room}{topic} eq 'louder' };
    is call($ann, DELETE => "$path/members/ben")->code, 204, 'ben is removed';
    wait_until 'ben is told', sub { !room_frame($ben, $room->{id})->{joined} };
    is $ben->error($ben->say('still?', room => $room->{id}))->{code}, 'not_found', 'what he says then is refused';
    my $heard = () = $ben->frames('message');
    $ann->ack($ann->say('alone again', room => $room->{id}));
    $ben->ack($ben->say('a sign in general'));
    is scalar(grep { $_->{room} == $room->{id} } ($ben->frames('message'))[$heard .. $heard]), 0, '... and he hears no more';
};

story 'public rooms' => sub {
    my $room = call($ann, POST => '/api/rooms', {kind => 'public', name => 'Garden'})->json;
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => 'gARDEN'}), 409, 'name_taken', 'one name, one room';
    is call($ben, POST => "/api/rooms/$room->{id}/members", {})->code, 200, 'anybody joins';
    my $members = call($ben, GET => "/api/rooms/$room->{id}/members")->json;
    is_deeply [map { $_->{username} } @{$members->{members}}], [qw(ann ben)], 'who is in it, by name';
    is call($ben, DELETE => "/api/rooms/$room->{id}/members/ben")->code, 204, 'and leaves';
    is_problem call($ben, DELETE => "/api/rooms/1/members/ben"), 403, 'forbidden', 'but not general';
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => ''}),              422, 'bad_name', 'no name';
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => 'x' x 65}),        422, 'bad_name', 'too long a name';
    is_problem call($ben, POST => '/api/rooms', {kind => 'direct', name => 'x'}),             400, 'bad_frame', 'direct rooms are made otherwise';
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => 'x', topic => 't' x 251}), 422, 'too_long', 'too long a topic';
};

story 'a direct room' => sub {
    my $one = call($ann, POST => '/api/direct', {username => 'cy'});
    my $two = call($cy, POST => '/api/direct', {username => 'Ann'});
    is $one->code, 200, 'opened';
    is $one->json->{id}, $two->json->{id}, 'the same, whoever asks';
    is_deeply [$one->json->{name}, $two->json->{name}], [qw(cy ann)], 'its name is the other one';
    is_problem call($ann, POST => '/api/direct', {username => 'nobody'}), 404, 'not_found', 'with nobody there is none';
    is_problem call($ann, POST => "/api/rooms/" . $one->json->{id} . "/members", {username => 'ben'}), 403, 'forbidden', 'two are enough';
};

story 'what is unread' => sub {
    my $room = call($ann, POST => '/api/rooms', {kind => 'private', name => 'counted'})->json;
    call($ann, POST => "/api/rooms/$room->{id}/members", {username => 'cy'});
    my $unread = sub { (grep { $_->{id} == $room->{id} } @{call($cy, GET => '/api/rooms')->json->{rooms}})[0]{unread} };
    is $unread->(), 0, 'nothing at first';
    my @acks = map { $ann->ack($ann->say("m$_", room => $room->{id})) } 1 .. 3;
    is $unread->(), 3, 'three were said';
    $ann->answer($ann->delete($acks[2]{id}, wait => 0));
    is $unread->(), 2, 'one was taken back';
    $cy->ack($cy->say('mine', room => $room->{id}));
    is $unread->(), 2, 'one\'s own do not count';
    $cy->send({type => 'read', room => $room->{id}, id => $acks[0]{id}});
    wait_until 'the mark is there', sub { $unread->() == 1 };
    pass 'and what was read does not';
};

$server->stop;
done_testing;
