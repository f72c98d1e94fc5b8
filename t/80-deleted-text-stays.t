# The text of a deleted message stayed in the log of a quiet server, for as long as it was quiet.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start;
my $ada    = $server->connect('ada');

# is it in any file of the database?
sub found ($text) {
    for my $file (glob $server->database . '*') {
        open my $in, '<:raw', $file or next;
        local $/;
        return 1 if index(<$in> // '', $text) >= 0;
    }
    return 0;
}

my $said = $ada->ack($ada->say('TOPSECRET-XYZZY'));
ok found('TOPSECRET-XYZZY'), 'it is on the disk';
$ada->ack($ada->delete($said->{id}));
wait_until 'it is gone', sub { !found('TOPSECRET-XYZZY') }, limit(15);
ok !found('TOPSECRET-XYZZY'), 'deleted, it is gone from every file, though nobody says more';
$server->stop;
done_testing;
