# A client that sends pings and reads nothing: each pong waited in a queue that nobody bounded, and a server grew to 3.5 GB in 12 s.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Socket;
use Time::HiRes qw(time);

# sends for as long as the server takes it, but at most so many s and MB; `hello` before, or nothing
sub flood ($raw, $seconds, $megabytes) {
    my $chunk = (pack('CC', 0x89, 0x80 | 125) . "\0\0\0\0" . 'x' x 125) x 1000;
    my ($sent, $offset, $until, $sock) = (0, 0, time + $seconds, $raw->{socket});
    $sock->blocking(0);
    local $SIG{PIPE} = 'IGNORE';
    while (time < $until && $sent < $megabytes << 20) {
        my $n = syswrite $sock, $chunk, length($chunk) - $offset, $offset;
        if (!defined $n) {
            last unless $!{EAGAIN};
            my $writable = '';
            vec($writable, fileno $sock, 1) = 1;
            select undef, $writable, undef, 0.05;
            next;
        }
        $sent += $n;
        $offset = ($offset + $n) % length $chunk;
    }
    return $sent;
}

for my $rate (0, 10) {
    story "with chatterbox.rate: $rate" => sub {
        my $server = Chatterbox->start('chatterbox.rate' => $rate);
        my ($ada, $bob) = ($server->guest('ada'), $server->connect('bob'));
        my $before = $server->memory;
        my @raw = (Chatterbox::Raw->open($server), Chatterbox::Raw->join($server, $ada));
        setsockopt $_->{socket}, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096 for @raw;
        ok flood($_, 2, 400) > 100_000, 'pings were sent' for @raw;
        SKIP: {
            skip 'a sanitizer keeps what is freed', 1 if $server->sanitized;
            my $grown = $server->memory - $before;
            # of the up to 800 MB that were sent; H2O reads all that a socket has in one go, some tens of MB here
            ok $grown < 128 << 20, sprintf 'the server grew by %.1f MB', $grown / 1e6;
        }
        ok $bob->ack($bob->say('hello?')), 'others notice nothing';
        $server->stop;
    };
}

done_testing;
