# RFC 6455 sections 5 and 10.4: opcodes, reserved bits, masks, lengths, fragments, pings; Autobahn's groups 1 to 5, 9 and 10. Nobody here
# echoes: a valid message is a ping of our protocol, filled with white space to the length that is wanted, and what is expected is
# one pong for each, in order, with the control frames' answers in their places.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(decode_json encode_json);
use Time::HiRes qw(time);

use constant {map { $_ => Chatterbox::Raw->can($_)->() } qw(CONTINUATION TEXT BINARY CLOSE PING PONG)};
my $limit = 6 * 16384 + 8192;    # what PROTOCOL.md says, with the default of chatterbox.message-limit

# one worker: what goes through `$other` and back has seen the server read all that was sent before
my $server = Chatterbox->start('num-threads' => 1, 'chatterbox.hello-timeout' => 600);
my $ada    = $server->guest('ada');
my $other  = Chatterbox::Raw->open($server);
my $slow   = $server->sanitized;

my $seed = $ENV{CHATTERBOX_SEED} // time ^ $$;
srand $seed;
note "CHATTERBOX_SEED=$seed";

sub frame (@frame) { Chatterbox::Raw::encode(@frame) }

# a valid message of so many bytes
sub ping ($length = 15) { '{"type":"ping"' . ' ' x ($length - 15) . '}' }

# puts the pieces, each after the server has read the one before
sub in_turns ($raw, @pieces) {
    for (@pieces) { $raw->put($_); $other->heard }
    return $raw;
}

# the bytes, on a new connection that has said hello where `$greeted`, are answered so; `$bytes` may be a list of pieces
sub hears ($bytes, $expected, $what, $greeted = 1) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    state $good;
    my $raw = $greeted ? $good // Chatterbox::Raw->join($server, $ada) : Chatterbox::Raw->open($server);
    ref $bytes ? in_turns($raw, @$bytes) : $raw->put($bytes);
    my $heard = eval { $raw->heard } // [$@];
    $good = $greeted && "@$heard" !~ /close|end|gave up/ ? $raw : undef if $greeted;
    return is_deeply $heard, $expected, $what;
}

# ... it is refused, before a hello and behind one
sub breaks ($bytes, $code, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    hears $bytes, ["close $code"], "$what: $code", $_ for 0, 1;
}

# the list as consecutive pieces of the bytes, of so many each
sub pieces ($bytes, $size) { unpack "(a$size)*", $bytes }

# a message in these pieces, with `$between` before each but the first
sub fragments ($pieces, $between = '') {
    my @frames = map { frame($_ ? CONTINUATION : TEXT, $pieces->[$_], fin => $_ == $#$pieces) } 0 .. $#$pieces;
    return join $between, @frames;
}

story '5.2: opcodes that are reserved' => sub {
    for my $op (3 .. 7, 11 .. 15) {
        breaks frame($op, $_), 1002, "opcode $op with " . length($_) . ' bytes' for '', 'x', ping();
        hears frame(TEXT, ping()) . frame($op, 'x') . frame(PING, 'late'), ['pong', 'close 1002'], '... what came before is answered, what comes behind is not';
        hears frame(TEXT, '{"type":', fin => 0) . frame($op, 'x'), ['close 1002'], '... within a message';
        hears frame($op, 'x', fin => 0), ['close 1002'], '... as a fragment';
    }
};

story '5.2: reserved bits' => sub {
    for my $rsv (1 .. 7) {
        breaks frame($_, $_ == TEXT ? ping() : 'x', rsv => $rsv), 1002, "RSV $rsv with opcode $_" for TEXT, BINARY, CLOSE, PING, PONG;
        hears frame(TEXT, '{"type":', fin => 0) . frame(CONTINUATION, '"ping"}', rsv => $rsv), ['close 1002'], "RSV $rsv in a continuation";
        hears frame(TEXT, ping()) . frame(TEXT, ping(), rsv => $rsv) . frame(TEXT, ping()), ['pong', 'close 1002'], "RSV $rsv between good frames";
    }
};

story '5.1, 5.3: masks' => sub {
    breaks frame($_, 'x', masked => 0), 1002, "opcode $_ without one" for TEXT, BINARY, PING, PONG;
    breaks frame($_, '', masked => 0), 1002, "opcode $_ without one, empty" for TEXT, BINARY, CLOSE, PING, PONG;
    breaks frame(CLOSE, pack('n', 1000), masked => 0), 1002, 'a close frame without one';
    hears frame(TEXT, '{"type":', fin => 0) . frame(CONTINUATION, '"ping"}', masked => 0), ['close 1002'], 'a continuation without one';
    for my $mask ("\0\0\0\0", "\xff\xff\xff\xff", "\0\0\0\1", "\x80\0\0\0", '{"ty', map { pack 'N', rand 1 << 32 } 1 .. 20) {
        hears frame(TEXT, ping($_), mask => $mask) . frame(PING, 'x' x ($_ % 126), mask => $mask), ['pong', 'pong ' . 'x' x ($_ % 126)],
            sprintf 'mask %08x, %d bytes', unpack('N', $mask), $_ for 15 .. 18, 127;
    }
};

story '5.2: lengths at each boundary' => sub {
    for my $length (15, 16, 124 .. 129, 254 .. 257, 4081 .. 4083, 4094 .. 4098, 32767, 32768, 65534 .. 65537, $limit - 1, $limit) {
        my $bytes = frame(TEXT, ping($length));
        hears $bytes, ['pong'], "$length bytes";
        hears $bytes x 3, [('pong') x 3], '... three times in one piece';
        hears [pieces($bytes, 1 + int length($bytes) / 7)], ['pong'], '... in seven pieces';
    }
    hears frame(TEXT, ''), ['error'], 'nothing at all is no JSON, but no broken frame either';
    breaks frame(TEXT, ' ' x $_), 1009, "$_ bytes" for $limit + 1, $limit + 2, 2 * $limit;
    breaks frame(TEXT, ' ', length => $_), 1009, "$_ bytes are claimed" for 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) + 15, 1 << 62, ~0 >> 1;
    breaks frame(TEXT, ' ', length => $_), 1002, sprintf '%x, the highest bit is set', $_ for 1 << 63, (1 << 63) + 15, ~0;
    my $before = $server->memory;
    my @claims = map { my $raw = Chatterbox::Raw->open($server); $raw->put(substr frame(TEXT, ' ', length => ~0 >> 1), 0, 14) } 1 .. 50;
    $other->heard;
    $_->put(' ') for @claims;
    is_deeply [map { $_->close_code } @claims], [(1009) x 50], 'fifty who claim 2^63-1 bytes';
    ok $slow || $server->memory - $before < 16 << 20, '... get none of them';
};

story '5.2: a length takes as few bytes as do, or the frame is refused' => sub {
    for my $case ([16, 0], [16, 15], [16, 125], [64, 0], [64, 15], [64, 125], [64, 126], [64, 65535]) {
        my ($width, $length) = @$case;
        breaks frame(TEXT, ' ' x $length, width => $width), 1002, "$length in $width bits";
    }
    breaks frame(PING, 'x', width => $_), 1002, "a ping, in $_ bits" for 16, 64;
};

story 'however it is chopped' => sub {
    for my $length (15, 125, 126, $slow ? 200 : 500) {
        my $bytes = frame(PING, 'a') . frame(TEXT, ping($length)) . frame(PING, 'b' x 125) . fragments([pieces(ping(20), 3)], frame(PONG, 'c'));
        my @answers = ('pong a', 'pong', 'pong ' . 'b' x 125, 'pong');
        hears [pieces($bytes, $_)], \@answers, "$length bytes and their neighbours, $_ by $_" for 1, 2, 3, 7, 64;
    }
    my $bytes = fragments([pieces(ping(40), 9)], frame(PING, 'x'));
    hears [substr($bytes, 0, $_), substr $bytes, $_], [('pong x') x 4, 'pong'], "cut at $_" for 1 .. length($bytes) - 1;
    my $many = $slow ? 1000 : 5000;
    hears frame(TEXT, ping()) x $many, [('pong') x $many], "$many frames in one piece";
    hears join('', map { frame(TEXT, ping()) . frame(PING, $_) } 1 .. $many), [map { ('pong', "pong $_") } 1 .. $many], '... with pings between';
};

story '5.4: fragments' => sub {
    my $long = ping(400);
    for my $n (2 .. 10, 50, 199, 200) {
        my @pieces = pieces($long, int((400 + $n - 1) / $n));
        hears fragments(\@pieces), ['pong'], scalar(@pieces) . ' fragments';
        hears fragments(\@pieces, frame(PING, "$n")), [("pong $n") x $#pieces, 'pong'], '... with a ping between each two';
        hears fragments(\@pieces, frame(PONG, '') . frame(PING, '')), [('pong ') x $#pieces, 'pong'], '... with a pong and an empty ping';
    }
    my @parts = pieces(ping(), 5);
    hears fragments($_->[1]), ['pong'], $_->[0]
        for ['the first is empty', ['', @parts]], ['the last is empty', [@parts, '']], ['one in the middle is', [@parts[0, 1], '', $parts[2]]],
        ['all but one are', [('') x 100, ping(), ('') x 100]], ['each second one is', [map { ('', $_) } @parts, '']];
    hears fragments(['', '', '']), ['error'], 'all are empty: an empty message';
    hears fragments([pieces(ping($limit), 1000)]), ['pong'], 'a message of the longest length';
    breaks fragments([pieces(' ' x ($limit + 1), 1000)]), 1009, '... and of one byte more';
    breaks frame(TEXT, ' ' x $limit, fin => 0) . frame(CONTINUATION, ' '), 1009, '... the byte alone';
    breaks frame(TEXT, ' ' x 1000, fin => 0) . frame(CONTINUATION, ' ', length => ~0 >> 1), 1009, '... and of 2^63 more';
    hears fragments([pieces(ping(64), 1)]) x 20, [('pong') x 20], 'byte by byte, twenty of them';
};

story '5.4: what is no fragment of anything' => sub {
    breaks frame(CONTINUATION, $_->[0], fin => $_->[1]), 1002, "a continuation of nothing, '$_->[0]', FIN $_->[1]" for ['', 1], ['', 0], ['x', 1], ['x', 0];
    hears frame(TEXT, ping()) . frame(CONTINUATION, 'x'), ['pong', 'close 1002'], '... behind a whole message';
    hears fragments([pieces(ping(), 4)]) . frame(CONTINUATION, 'x'), ['pong', 'close 1002'], '... behind the last fragment';
    for my $op (TEXT, BINARY) {
        for my $fin (0, 1) {
            breaks frame(TEXT, '{', fin => 0) . frame($op, ping(), fin => $fin), 1002, "opcode $op, FIN $fin, within a message";
            breaks frame(TEXT, '{', fin => 0) . frame(CONTINUATION, '', fin => 0) . frame($op, '', fin => $fin), 1002, '... empty';
        }
    }
    hears frame(TEXT, '{"type":', fin => 0) . frame(PING, 'x') . frame(TEXT, ping()), ['pong x', 'close 1002'], '... and the ping between is answered';
    hears frame(BINARY, 'x', fin => 0) . frame(CONTINUATION, 'x'), ['close 1003'], 'a binary message in fragments';
    hears frame(BINARY, $_), ['close 1003'], length($_) . ' binary bytes' for '', "\xff" x 125, "\0" x 126, 'x' x 65536;
};

story '5.5: control frames' => sub {
    for my $op (CLOSE, PING, PONG) {
        my $start = $op == CLOSE ? pack 'n', 1000 : '';
        breaks frame($op, $start . 'x' x ($_ - length $start)), 1002, "opcode $op with $_ bytes" for 126, 127, 65536;
        breaks frame($op, $start, fin => 0), 1002, "opcode $op in fragments";
        breaks frame($op, $start, fin => 0) . frame(CONTINUATION, 'x'), 1002, '... two of them';
        hears frame(TEXT, '{', fin => 0) . frame($op, $start, fin => 0), ['close 1002'], '... within a message';
    }
};

story '5.5.2, 5.5.3: pings and pongs' => sub {
    my @payloads = map { join '', map { chr rand 256 } 1 .. $_ } 0 .. 125;
    hears frame(PING, $_), ["pong $_"], length($_) . ' bytes come back' for @payloads;
    hears join('', map { frame(PING, $_) } @payloads), [map {"pong $_"} @payloads], 'all lengths in one piece: each, in order';
    hears [pieces(join('', map { frame(PING, "$_") } 1 .. 20), 5)], [map {"pong $_"} 1 .. 20], 'chopped';
    hears frame(PONG, $_), [], 'an unsolicited pong of ' . length($_) . ' bytes is passed over' for @payloads[0, 1, 125];
    hears frame(PONG, 'a') . frame(PING, 'b') . frame(PONG, 'c') . frame(TEXT, ping()), ['pong b', 'pong'], '... between others';
    hears frame(PING, 'x') x 10, [('pong x') x 10], 'ten pings, ten pongs', 0;
};

story 'application messages, however they come, are told once and in order' => sub {
    my ($bob, $raw) = ($server->connect('bob'), Chatterbox::Raw->join($server, $ada));
    my @cids = map {"rfc-$_"} 1 .. 60;
    my $bytes = join '', map {
        my $json = encode_json({type => 'message', room => 1, cid => $_, text => "\x{20ac} $_ " . "\x{1f600}" x rand 200});
        rand() < 0.5 ? frame(TEXT, $json) : fragments([pieces($json, 1 + int rand 50)], frame(PONG, ''));
    } @cids;
    $raw->put($_) for pieces($bytes, 1 + int rand 3000);
    is_deeply [map { $raw->next('ack')->{cid} } @cids], \@cids, 'each is acknowledged';
    $bob->until(sub { $bob->transcript->@* >= @cids }, 20);
    is_deeply $bob->transcript, $server->transcript, 'and heard, as it is in the database';
    is_deeply $bob->wrong, [], '... in order';
};

story 'Autobahn 9: the longest messages, many of them, and in the smallest pieces' => sub {
    my $message = frame(TEXT, ping($limit));
    my $start   = time;
    my $rounds  = $slow ? 20 : 100;
    hears $message x $rounds, [('pong') x $rounds], "$rounds times $limit bytes";
    hears fragments([pieces(ping($limit), $_)]), ['pong'], "in fragments of $_" for 1, 64, 256, 1024, 4096, 16384, 65535;
    my $raw = Chatterbox::Raw->join($server, $ada);
    for my $size (16, 64, 256, 1024, 4096, 16384) {
        $raw->put($_) for pieces($message, $size);
        is_deeply $raw->heard, ['pong'], "written $size by $size";
    }
    ok time - $start < limit(10), sprintf '%.1f s for all of them', time - $start;
};

# an answer that grows by a byte each time
story 'what the server sends has as short a length as it can (5.2)' => sub {
    my $raw = Chatterbox::Raw->join($server, $server->guest('bess'));
    my %width;
    for my $cid (map { 'c' x $_ } 1 .. 64) {
        $raw->json({type => 'send', room_id => 1, text => '', cid => $cid});
        my ($first, $width, $length, $answer) = (0);
        until ($answer && $answer->{type} eq 'error') {
            ($first, $width) = unpack 'CC', $raw->take(2);
            $length = $width < 126 ? $width : unpack 'n', $raw->take(2);
            $answer = decode_json($raw->take($length));
        }
        return fail "$length bytes" unless $first == 0x81 && $answer->{cid} eq $cid;
        $width{$length} = $width;
    }
    is_deeply [@width{124 .. 129}], [124, 125, (126) x 4], 'up to 125 in seven bits, then in sixteen';
    $raw->json({type => 'send', room_id => 1, text => '', cid => 'c' x (127 - 72 + 1)});
    is length encode_json($raw->next('error')), 127, 'a length of 127 in sixteen bits is one';
};

$server->stop;
done_testing;
