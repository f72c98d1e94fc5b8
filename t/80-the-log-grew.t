# While readers overlapped without a pause the write-ahead log of the database was never begun anew, and grew for as long
# as people posted: 172 MB within a minute.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use IO::Select;

# Long messages make long pages, so that a few readers overlap all the time.
my $server  = Chatterbox->start('chatterbox.message-limit' => 60_000, 'chatterbox.outbound-limit' => 1 << 26);
my $ada     = $server->connect('ada');
my $bob     = $server->guest('bob');
my $request = join "\r\n", 'GET /api/rooms/1/messages?limit=100 HTTP/1.1', 'Host: x', 'Authorization: Bearer ' . $bob->token, '', '';
my $posts   = 2400;    # 70 kB in the log, each
$ada->{forgetful} = 1;

# asks for pages over some connections without a pause, and throws them away, until it is killed; a process of its own
sub reader {
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    my $size    = length(Chatterbox::Raw->new($server)->put($request)->read_head->body) + 200;
    my @sockets = map { Chatterbox::Raw->new($server)->put($request x 2)->{socket} } 1 .. 8;
    my (%read, $bytes);
    while (1) {
        for my $socket (IO::Select->new(@sockets)->can_read) {
            sysread $socket, $bytes, 1 << 20 or POSIX::_exit(1);
            $read{$socket} += length $bytes;
            next if $read{$socket} < $size;
            $read{$socket} -= $size;
            syswrite $socket, $request;
        }
    }
}

my $text = 'x' x 50_000;
$ada->ack($ada->say($text)) for 1 .. 120;
my $reader = reader();
my $peak   = 0;
for (1 .. $posts / 4) {
    $ada->ack($_) for map { $ada->say($text, wait => 0) } 1 .. 4;
    my $size = -s $server->database . '-wal';
    $peak = $size if $peak < $size;
}
kill KILL => $reader;
waitpid $reader, 0;
ok $peak < 130e6, sprintf 'the log had at most %.0f MB', $peak / 1e6;
is_deeply $ada->wrong, [], 'no promise was broken';
$server->stop;
done_testing;
