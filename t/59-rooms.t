# The core keeps the newest messages of the rooms that were used last, up to 64 MB; what it forgot it reads again.
use v5.36;
use Test::More;
use Chatterbox;

use constant {MB => 1 << 20, LONG => 'x' x 600_000};

my $server = Chatterbox->start('chatterbox.message-limit' => 1 * MB);
my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);

sub kept () { ($server->get('/metrics')->body =~ /^chatterbox_rooms_bytes (\d+)$/m)[0] }

sub new_room ($name) {
    my $room = $ada->post('/api/rooms', {kind => 'public', name => $name})->json->{id};
    $ada->post("/api/rooms/$room/members", {username => 'bob'});
    return $room;
}

my @rooms = map { new_room("room $_") } 1 .. 4;
my %first;
for my $room (@rooms[0 .. 2]) {
    my @id = map { $ada->ack($ada->say(LONG . $_, room => $room))->{id} } 1 .. 40;
    $first{$room} = $id[0];
}
wait_until 'some are forgotten', sub { kept() <= 64 * MB };
cmp_ok kept(), '>=', 40 * MB, sprintf 'three rooms have %.0f MB, of which %.0f are kept', 3 * 40 * length(LONG) / MB, kept() / MB;

story 'who has seen all of it needs no message' => sub {
    my $before = kept();
    is @{$bob->get('/api/rooms')->json->{rooms}}, 5, 'a list of the rooms';
    $bob->reaches($ada->rev($_), $_) for 1, @rooms;
    $bob->reconnect;
    is_deeply $bob->missed($_), [], "nothing was missed in room $_" for @rooms;
    is kept(), $before, 'nothing was read for that';
};

story 'a room that was forgotten is as it was' => sub {
    my $room = $rooms[0];
    $bob->reaches($ada->rev($room), $room);
    $bob->drop;
    $ada->answer($ada->edit($first{$room}, 'edited', wait => 0));
    $ada->answer($ada->delete($first{$room} + 1, wait => 0));
    $ada->ack($ada->say('new', room => $room));
    $bob->join(hello => {$bob->stand});
    is_deeply $bob->transcript($room), $server->transcript($room), 'bob knows all of it';
    my $eve = $server->connect('eve');
    $eve->post("/api/rooms/$room/members");
    wait_until 'eve is told', sub { @{$eve->transcript($room)} };
    is_deeply $eve->transcript($room), $server->transcript($room), '... and so does eve, who is new';
    $ada->ack($ada->say('here', room => $_)) for @rooms;
    $bob->reaches($ada->rev($_), $_) for @rooms;
    is_deeply $bob->transcript($_), $server->transcript($_), "room $_ too" for @rooms;
    is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for $ada, $bob, $eve;
};

wait_until 'no more is kept than before', sub { kept() <= 64 * MB };
$server->stop;
done_testing;
