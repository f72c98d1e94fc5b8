# The list of rooms, asked for before anything else after a start, loads the rooms first.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start;
my $ann    = $server->connect('ann');
$ann->ack($ann->say('there already'));
$server->restart;
my $res = $ann->get('/api/rooms');
is $res->code, 200, 'answered';
is_deeply [map { [@$_{qw(id last_id)}] } @{$res->json->{rooms}}], [[1, 1]], '... with the room';

$server->stop;
done_testing;
