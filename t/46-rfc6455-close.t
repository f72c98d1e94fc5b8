# RFC 6455 sections 5.5.1 and 7: saying goodbye, Autobahn's group 7. Every code there is, reasons, what comes behind a close frame,
# a close while the server writes, half-open connections, and a connection that breaks off within a frame.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(encode_json);
use Socket qw(SHUT_WR SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time);

use constant {map { $_ => Chatterbox::Raw->can($_)->() } qw(CONTINUATION TEXT CLOSE PING)};

# one worker: what goes through `$other` and back has seen the server read all that was sent before
my $server = Chatterbox->start('num-threads' => 1, 'chatterbox.hello-timeout' => 600);
my $bob    = $server->connect('bob');
my $ada    = $server->guest('ada');
my $other  = Chatterbox::Raw->open($server);

sub frame (@frame) { Chatterbox::Raw::encode(@frame) }
sub goodbye ($code, $reason = '') { frame(CLOSE, pack('n', $code) . $reason) }

# the payload of the close frame that answers `@pieces`, each sent when the server has read the one before; and that nothing comes behind
sub answer (@pieces) {
    my $raw = Chatterbox::Raw->open($server);
    for (@pieces) { $raw->put($_); $other->heard if @pieces > 1 }
    my $frame = $raw->read_frame // return 'the end, without a close frame';
    return "opcode $frame->{op}" if $frame->{op} != CLOSE;
    return 'bytes behind the close frame' unless $raw->ended;
    return $frame->{payload};
}

# ... the code in it
sub code (@pieces) {
    my $payload = answer(@pieces);
    return $payload =~ /^(?:the end|opcode|bytes)/ || length $payload < 2 ? $payload : unpack 'n', $payload;
}

# gone from the server's list, as /metrics has it: `$n` are left
sub sessions ($n) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $have;
    eval { wait_until "$n sessions are left", sub { ($have) = $server->get('/metrics')->body =~ /^chatterbox_sessions (\d+)$/m; $have == $n }, 15 };
    is $have, $n, '... and no session is left behind';
}

story '7.4: codes that a peer may send are echoed, others are 1002' => sub {
    my @good = (1000 .. 1003, 1007 .. 1011, 3000, 3001, 3500, 3999, 4000, 4001, 4500, 4999);
    is code(goodbye($_)), $_, "the code $_ is echoed" for @good;
    my @bad = (0 .. 3, 99, 100, 255, 256, 999, 1004 .. 1006, 1012 .. 1017, 1099 .. 1101, 1999 .. 2001, 2999, 5000, 5001, 9999, 32767, 32768, 65534, 65535);
    is code(goodbye($_)), 1002, "the code $_ is none" for @bad;
    is code(goodbye($_, 'reason')), 1002, "the code $_ is none, whatever the reason" for 0, 999, 1005, 1006, 1015, 5000;
};

story '5.5.1: how long it is' => sub {
    is answer(frame(CLOSE, '')), '', 'nothing: nothing back';
    is code(frame(CLOSE, $_)), 1002, 'half a code' for "\x03", "\0", "\xff";
    for my $length (0 .. 3, 61, 122, 123) {
        is code(goodbye(1000, 'x' x $length)), 1000, "a reason of $length bytes";
    }
    is code(goodbye(1000, 'x' x $_)), 1002, "a reason of $_ bytes makes the frame too long" for 124, 125, 1000;
};

story '5.5.1: the reason is UTF-8, however it comes' => sub {
    for my $reason ("\xc3\xa9", "a\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "x\xef\xbf\xbf", "\xf4\x8f\xbf\xbf" x 30) {
        my $bytes = goodbye(1000, $reason);
        is code($bytes), 1000, 'a good one, ' . length($reason) . ' bytes';
        is code(substr($bytes, 0, $_), substr $bytes, $_), 1000, "... cut at $_" for grep { $_ < 20 } 1 .. length($bytes) - 1;
        is code(split //, $bytes), 1000, '... byte by byte' if length $bytes < 20;
    }
    for my $reason ("\xff", "abc\xff", "\xc3", "\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", 'x' x 122 . "\x80") {
        my $bytes = goodbye(1000, $reason);
        is code($bytes), 1007, 'a bad one, ' . length($reason) . ' bytes';
        is code(substr($bytes, 0, $_), substr $bytes, $_), 1007, "... cut at $_" for grep { $_ < 14 } 1 .. length($bytes) - 1;
        is code(split //, $bytes), 1007, '... byte by byte' if length $bytes < 20;
    }
    # at each place of what is read at once: a frame must not be judged by where it lies
    for my $shift (0 .. 20) {
        my $raw = Chatterbox::Raw->open($server);
        my $before = 4096 - 6 - 20 + $shift;
        $raw->put(frame(PING, 'x' x 119) x int($before / 125) . frame(PING, 'x' x ($before % 125)) . goodbye(1000, "a\xe2\x82\xac" x 3));
        is $raw->close_code, 1000, "a good one, $before bytes behind the first";
    }
};

story '1.4, 5.5.1: what comes behind a close frame is nothing' => sub {
    my $sum = @{$bob->transcript};
    my $say = frame(TEXT, encode_json({type => 'message', room => 1, cid => 'late', text => 'too late'}));
    for my $late (frame(PING, 'x'), $say, goodbye(1001), frame(3, 'x'), "\xff" x 100, $say x 10_000, frame(TEXT, 'x', fin => 0)) {
        my $raw = Chatterbox::Raw->join($server, $ada);
        $raw->put(goodbye(1000, 'bye') . $late);
        is_deeply $raw->heard, ['close 1000'], length($late) . ' bytes behind it';
        ok $raw->ended, '... and the end';
        $raw = Chatterbox::Raw->join($server, $ada);
        $raw->put(frame(TEXT, '{"type":"pi', fin => 0) . goodbye(1000) . $late);
        is_deeply $raw->heard, ['close 1000'], '... the same within a message';
        $raw = Chatterbox::Raw->join($server, $ada);
        $raw->put(frame(3, 'x') . $late);
        is_deeply $raw->heard, ['close 1002'], '... and behind a broken frame';
    }
    is @{$bob->transcript}, $sum, 'nobody heard of it';
    my $raw = Chatterbox::Raw->join($server, $ada);
    $raw->put(frame(PING, $_)) for 1 .. 100;
    $raw->put(frame(TEXT, '{"type":"ping"}') . goodbye(1000));
    is_deeply $raw->heard, [map({"pong $_"} 1 .. 100), 'pong', 'close 1000'], 'what came before is answered before';
};

story '5.5.1, 7.1.5: a close while the server writes a lot comes behind it' => sub {
    my @cids = map { $bob->say('y' x 16000, wait => 0) } 1 .. 50;
    $bob->ack($_) for @cids;
    for my $round (1 .. 3) {
        for my $end ([goodbye(3333, 'x'), 3333], [frame(3, 'x'), 1002], [frame(TEXT, "\xff"), 1007], [frame(2, 'x'), 1003]) {
            my $raw = Chatterbox::Raw->open($server);
            $raw->json({type => 'hello', token => $ada->token});
            $raw->next('welcome');    # 800 kB of history are on their way: more than the kernel takes
            $raw->put($end->[0]);
            my $history;
            while (my $frame = $raw->read_frame) {
                $history = length $frame->{payload} if $frame->{op} == TEXT && $frame->{payload} =~ /^\{"type":"history"/;
                next if $frame->{op} != CLOSE;
                is unpack('n', $frame->{payload}), $end->[1], "$end->[1], round $round";
                $raw->put(goodbye($end->[1]));    # which the server waits for where it was the first to say it
                last;
            }
            ok $history > 50 * 16000, '... behind the history, which is whole';
            ok $raw->ended, '... and the end';
        }
    }
};

story '7.1.1: half-open: who does not end the connection is ended, within the linger' => sub {
    my %quiet = (
        'said close, and waits for ever'  => sub ($raw) { $raw->put(goodbye(1000)) },
        'said something broken, and waits' => sub ($raw) { $raw->put(frame(3, 'x')) },
        'said close, and talks on'        => sub ($raw) { $raw->put(goodbye(1000) . frame(TEXT, 'x' x 1000) x 100) }
    );
    my $start = time;
    my %raw = map { $_ => Chatterbox::Raw->join($server, $ada) } keys %quiet;
    $quiet{$_}->($raw{$_}) for keys %raw;
    is_deeply [map { my $heard = $_->heard; $heard->[-1] =~ /^close/ ? 1 : $heard } values %raw], [(1) x keys %raw], 'all get a close frame';
    sessions(2);    # bob, and the other
    ok time - $start < limit(8), 'within 8 s';
    my $raw = Chatterbox::Raw->join($server, $ada);
    shutdown $raw->{socket}, SHUT_WR;
    ok $raw->ended, 'a FIN without a close frame: the end, at once';
    sessions(2);
};

story '7.1.7: a connection that breaks off at every point of a frame' => sub {
    my @frames = (frame(PING, 'hello'), frame(TEXT, '{"type":"ping"}'), frame(TEXT, '{"type":"ping"' . ' ' x 120 . '}'), goodbye(1000, "\xe2\x82\xac"),
        frame(TEXT, '{"type":', fin => 0) . frame(PING, '') . frame(CONTINUATION, '"ping"}'));
    my $tried = 0;
    for my $reset (0, 1) {
        for my $bytes (@frames) {
            my @raw;
            for my $at (grep { $_ < 24 || $_ % 8 == 0 } 0 .. length($bytes) - 1) {
                my $raw = Chatterbox::Raw->join($server, $ada);
                $raw->put(substr $bytes, 0, $at);
                push @raw, $raw;
            }
            $other->heard;
            $tried += @raw;
            for (@raw) {
                setsockopt $_->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $reset;
                close $_->{socket};
            }
        }
        sessions(2);
    }
    ok $tried > 150, "$tried broke off";
    ok $bob->ack($bob->say('still here')), 'others notice nothing';
    is_deeply $other->heard, [], '... neither does who never said hello';
};

is_deeply $bob->wrong, [], 'no promise was broken';
$server->stop;
done_testing;
