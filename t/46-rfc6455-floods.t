# RFC 6455 sections 5.5.2 and 10.4: who floods the server with pings or frames is closed with the protocol's code, takes a bounded
# amount of memory, and those who talk meanwhile, on the same worker, hardly notice: the 99th percentile of their pings is under 100 ms.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

use constant {map { $_ => Chatterbox::Raw->can($_)->() } qw(CONTINUATION TEXT CLOSE PING PONG)};

sub frame (@frame) { Chatterbox::Raw::encode(@frame) }

# what others see while `$flood->()` is called again and again, until it is true: the 99th percentile of their pings, ms
sub p99 ($other, $flood) {
    my ($done, @took, $asked);
    my $until = time + limit(20);
    until ($done && @took >= 100 || time > $until) {
        $done ||= $flood->();
        my $start = time;
        $other->heard;
        push @took, 1000 * (time - $start);
    }
    @took = sort { $a <=> $b } @took;
    return $took[@took * 0.99];
}

# writes what the server takes now; true when all is written, or the server has hung up
sub feed ($raw, $bytes) {
    local $SIG{PIPE} = 'IGNORE';
    $raw->{socket}->blocking(0);
    my $n = syswrite $raw->{socket}, $$bytes, 16384;
    my $gone = !defined $n && !$!{EAGAIN};
    $raw->{socket}->blocking(1);
    substr $$bytes, 0, $n, '' if $n;
    return $gone || !length $$bytes;
}

my %flood = (
    'pings'          => sub ($n) { frame(PING, 'x' x 125) x $n },
    'empty pings'    => sub ($n) { frame(PING, '') x $n },
    'pongs'          => sub ($n) { frame(PONG, 'x' x 125) x $n },
    'messages'       => sub ($n) { frame(TEXT, '{"type":"ping"}') x $n },
    'fragments'      => sub ($n) { frame(TEXT, '{', fin => 0) . frame(CONTINUATION, ' ', fin => 0) x $n },
    'empty fragments' => sub ($n) { frame(TEXT, '', fin => 0) . frame(CONTINUATION, '', fin => 0) x $n }
);

for my $rate (0, 5) {
    story "chatterbox.rate: $rate" => sub {
        my $server = Chatterbox->start('num-threads' => 1, 'chatterbox.rate' => $rate, 'chatterbox.hello-timeout' => 600);
        my $ada    = $server->guest('ada');
        my $n      = $server->sanitized ? 2000 : 10_000;
        my $before = $server->memory;
        for my $what (sort keys %flood) {
            for my $reads (0, 1) {
                # from a connection that asks slowly enough: with a rate, 50 frames a second are allowed
                my $other = Chatterbox::Raw->join($server, $ada);
                my $raw   = Chatterbox::Raw->join($server, $ada);
                setsockopt $raw->{socket}, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096 unless $reads;
                my $bytes = $flood{$what}->($n);
                my @codes;
                my $p99 = $rate ? do { 1 until feed($raw, \$bytes); 0 } : p99($other, sub {
                    my $done = feed($raw, \$bytes);
                    if ($reads) { $raw->ended_by_now; substr $raw->{buffer}, 0, -70000, "" if length $raw->{buffer} > 140_000 }
                    return $done;
                });
                if ($rate) {
                    my $code = eval { $raw->close_code } // $@;
                    is $code, 4029, "$n $what: 4029";
                }
                else {
                    ok $server->sanitized || $p99 < 100, sprintf "$n $what, %s: others' pings take %.1f ms at most, 99 of 100", $reads ? 'all answers are read' : 'none is', $p99;
                }
            }
        }
        my $grown = $server->memory - $before;
        ok $server->sanitized || $grown < 64 << 20, sprintf 'the server grew by %.1f MB', $grown / (1 << 20);
        my $late = Chatterbox::Raw->join($server, $ada);
        is_deeply $late->heard, [], 'and whoever comes then is served';
        $server->stop;
    };
}

# 10,000 pings of a peer that reads all of it: every one is answered, in order, where no rate is set
story '10,000 pings, 10,000 pongs' => sub {
    my $server = Chatterbox->start('num-threads' => 1);
    my $raw    = Chatterbox::Raw->join($server, $server->guest('ada'));
    my @all    = 1 .. ($server->sanitized ? 2000 : 10_000);
    while (my @some = splice @all, 0, 100) {
        $raw->put(join '', map { frame(PING, "$_") } @some);
        is_deeply $raw->heard, [map {"pong $_"} @some], "the hundred up to $some[-1]";
    }
    $server->stop;
};

# who asks for pongs without end, and reads none of them, is too slow: not in kernel buffers, but in ours
story 'pings for ever from who does not read: 4008' => sub {
    my $server = Chatterbox->start('num-threads' => 1, 'chatterbox.outbound-limit' => 65536);
    my $raw    = Chatterbox::Raw->join($server, $server->guest('ada'));
    my $before = $server->memory;
    my $bytes  = frame(PING, 'x' x 125) x 160_000;    # 21 MB; the kernel takes some of the pongs
    wait_until 'the server has enough', sub { feed($raw, \$bytes) for 1 .. 100; $server->get('/metrics')->body =~ /^chatterbox_sessions_slow_total 1$/m };
    my $grown = $server->memory - $before;
    is eval { $raw->close_code(20) } // $@, 4008, 'let go';
    ok $server->sanitized || $grown < 16 << 20, sprintf 'the server grew by %.1f MB meanwhile', $grown / (1 << 20);
    $server->stop;
};

done_testing;
