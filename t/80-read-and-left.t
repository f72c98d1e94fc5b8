# Who leaves a room has read what he read: seen messages stay seen, and when he comes back his mark does not move back.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start;
my ($ann, $ben) = map { $server->connect($_) } qw(ann ben);
my $room = $ann->post('/api/rooms', {kind => 'public', name => 'boats'})->json->{id};
$ben->post("/api/rooms/$room/members");
wait_until 'both are in', sub { defined $ben->rev($room) && defined $ann->rev($room) };
my @ids = map { $ann->ack($ann->say("m$_", room => $room))->{id} } 1 .. 3;

sub marks { (grep { $_->{id} == $room } @{$ann->get('/api/rooms')->json->{rooms}})[0]{marks} }

$ben->send({type => 'read', room => $room, id => $ids[1]});
$ann->next_frame(type => 'read', id => $ids[1]);
$server->request(DELETE => "/api/rooms/$room/members/ben", undef, $ben->auth);
is_deeply marks(), [['ben', $ids[1]]], 'gone, and what he has read is read';
$ben->post("/api/rooms/$room/members");
$ben->send({type => 'read', room => $room, id => $_}) for @ids[0, 2];
is $ann->next_frame(type => 'read')->{id}, $ids[2], 'back, and the mark goes on from where it was';
$server->restart;
is_deeply marks(), [['ben', $ids[2]]], '... also after a restart';

$server->stop;
done_testing;
