# RFC 7692, permessage-deflate: what is agreed to and what declined (section 7.1), and messages that are compressed, in all the ways that
# DEFLATE has (section 7.2); Autobahn's groups 12 and 13. Both sides forget all after each message, so a message is inflated alone.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Compress::Raw::Zlib qw(:DEFAULT Z_BLOCK);
use Mojo::JSON qw(decode_json encode_json);

use constant {map { $_ => Chatterbox::Raw->can($_)->() } qw(CONTINUATION TEXT BINARY CLOSE PING PONG)};
use constant {COMPRESSED => 4, LEAST => 256};    # RSV1; bytes of the shortest message that is compressed
my $limit = 6 * 16384 + 8192;

my $server = eval { Chatterbox->start('num-threads' => 1, 'chatterbox.compress' => 'ON', 'chatterbox.hello-timeout' => 600) };
my $probe  = $server && Chatterbox::Raw->open($server, 'Sec-WebSocket-Extensions' => 'permessage-deflate');
plan skip_all => 'the server does not offer permessage-deflate' unless $probe && $probe->header('Sec-WebSocket-Extensions');

my $seed = $ENV{CHATTERBOX_SEED} // time ^ $$;
srand $seed;
note "CHATTERBOX_SEED=$seed";

my $ada = $server->guest('ada');

sub frame (@frame) { Chatterbox::Raw::encode(@frame) }
sub ping ($length = 15) { '{"type":"ping"' . ' ' x ($length - 15) . '}' }
sub pieces ($bytes, $size) { unpack "(a$size)*", $bytes }
sub noise ($length) { join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. $length }

# DEFLATE as section 7.2.1 has it: flushed to a byte, without the four bytes at the end; options: level, bits, strategy, flush
sub squeeze ($bytes, %o) {
    my ($z, $status) = Compress::Raw::Zlib::Deflate->new(-AppendOutput => 1, -WindowBits => -($o{bits} // 15), -Level => $o{level} // Z_DEFAULT_COMPRESSION,
        -Strategy => $o{strategy} // Z_DEFAULT_STRATEGY, -MemLevel => $o{memory} // 8);
    die "deflate: $status" unless $z;
    my $out = '';
    for my $piece (ref $bytes ? @$bytes : $bytes) {    # a block for each of a list
        $z->deflate($piece, $out) == Z_OK or die 'deflate';
        $z->flush($out, Z_SYNC_FLUSH) == Z_OK or die 'flush';
    }
    return $out =~ s/\0\0\xff\xff\z//r;
}

# ... and back, with a window of so many bits; undef where that cannot be
sub stretch ($bytes, $bits = 15) {
    my $z = Compress::Raw::Zlib::Inflate->new(-WindowBits => -$bits, -LimitOutput => 0, -ConsumeInput => 1);
    my ($in, $out) = ("$bytes\0\0\xff\xff", '');
    my $status = $z->inflate($in, $out);
    return $status == Z_OK || $status == Z_STREAM_END || $status == Z_BUF_ERROR ? $out : undef;
}

# one block that is the last (BFINAL), and padding
sub final ($bytes) {
    my ($z) = Compress::Raw::Zlib::Deflate->new(-AppendOutput => 1, -WindowBits => -15);
    my $out = '';
    $z->deflate($bytes, $out);
    $z->flush($out, Z_FINISH);
    return "$out\0";
}

sub stored ($bytes, $last = 0) { pack('Cvv', $last, length $bytes, ~length($bytes) & 0xffff) . $bytes }

# what the answer to an offer, or several, says: the parameters, or undef
sub answer (@offers) {
    my $raw = Chatterbox::Raw->new($server);
    $raw->request(GET => '/ws', Host => 'localhost', Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => $raw->key,
        'Sec-WebSocket-Version' => 13, map { ('Sec-WebSocket-Extensions' => $_) } @offers);
    die "no upgrade: $raw->{status}" unless $raw->status == 101;
    return $raw->header('Sec-WebSocket-Extensions');
}

# agreed to; the answer as a hash
sub agrees ($what, @offers) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = answer(@offers) // '';
    my ($name, @parameters) = split /\s*;\s*/, $answer;
    is $name // 'declined', 'permessage-deflate', "$what is agreed to" or return {};
    my %got = map { my ($key, $value) = split /\s*=\s*/; ($key => $value =~ s/^"(.*)"$/$1/r) } map { /=/ ? $_ : "$_=" } @parameters;
    is scalar(keys %got), scalar @parameters, '... nothing is said twice';
    ok exists $got{"${_}_no_context_takeover"}, "... $_\_no_context_takeover" for qw(server client);
    return \%got;
}

# the next text frame's content, inflated where it has to be; and the frame
sub next_text ($raw, $bits = 15) {
    while (my $frame = $raw->read_frame) {
        die 'closed with ' . unpack 'n', $frame->{payload} if $frame->{op} == CLOSE;
        next if $frame->{op} != TEXT;
        my $text = $frame->{rsv} ? stretch($frame->{payload}, $bits) : $frame->{payload};
        return decode_json($text // die 'what does not inflate'), $frame, $text;
    }
    die 'the end';
}

# somebody who has agreed to it, has said hello, and has read the history
sub joined ($offer = 'permessage-deflate') {
    my $raw = Chatterbox::Raw->open($server, 'Sec-WebSocket-Extensions' => $offer);
    $raw->json({type => 'hello', token => $ada->token});
    1 until (next_text($raw))[0]{type} eq 'history';
    return $raw;
}

# frames up to the answer to a ping of ours, text inflated: [type, frame]; the last is ["close CODE", frame] or ["end"]
sub hears ($raw) {
    my @heard;
    $raw->frame(PING, 'the mark');
    while (my $frame = $raw->read_frame) {
        return @heard if $frame->{op} == PONG && $frame->{payload} eq 'the mark';
        return (@heard, ['close ' . unpack('n', $frame->{payload}), $frame]) if $frame->{op} == CLOSE;
        my $text = $frame->{rsv} == COMPRESSED ? stretch($frame->{payload}) : $frame->{payload};
        my $what = $frame->{op} == PONG ? "pong $text" : decode_json($text)->{type};
        push @heard, [$what, $frame, $text] unless $what =~ /^(?:presence|message)$/;
    }
    return (@heard, ['end']);
}

# the bytes are answered so; a good connection is used again
sub is_heard ($bytes, $expected, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    state $good;
    my $raw = $good // joined();
    $raw->put($bytes);
    my @heard = eval { map { $_->[0] } hears($raw) };
    @heard = ($@) if $@;
    $good = "@heard" =~ /close|end|gave up/ ? undef : $raw;
    is_deeply \@heard, $expected, $what;
}

sub packed ($text, %o) { frame(TEXT, squeeze($text, %o), rsv => COMPRESSED) }

story '7.1: what is agreed to' => sub {
    agrees $_, $_ for 'permessage-deflate', 'permessage-deflate; server_no_context_takeover', 'permessage-deflate; client_no_context_takeover',
        'permessage-deflate;client_no_context_takeover;server_no_context_takeover', "permessage-deflate  ;\tserver_no_context_takeover ; client_max_window_bits",
        'permessage-deflate; client_max_window_bits="10"', 'x-other, permessage-deflate', 'x-other; a="b, permessage-deflate; c", permessage-deflate';
    for my $bits ('', map {"=$_"} 8 .. 15) {
        my $got = agrees "client_max_window_bits$bits", "permessage-deflate; client_max_window_bits$bits";
        next unless defined $got->{client_max_window_bits};
        ok $got->{client_max_window_bits} =~ /^(?:[89]|1[0-5])$/ && (!$bits || $got->{client_max_window_bits} <= substr $bits, 1), '... the answer may limit it, but not widen';
    }
    is agrees('nothing about the client', 'permessage-deflate')->{client_max_window_bits}, undef, '... and then the answer says nothing about it either';
    agrees 'the second of two headers', 'x-other', 'permessage-deflate';
    agrees "as Chromium and Firefox ask", 'permessage-deflate; client_max_window_bits';
};

story '7.1.2.1: the window of the server' => sub {
    for my $bits (8 .. 15) {
        my $offer = "permessage-deflate; server_max_window_bits=$bits";
        my $got   = agrees "$bits, or then no limit,", "$offer, permessage-deflate";
        my $answer = answer($offer) // next;    # declined is fine
        like $answer, qr/server_max_window_bits="?(?:[89]|1[0-5])\b/, 'who agrees to a limit says so';
        cmp_ok $got->{server_max_window_bits} // 16, '<=', $bits, '... with no more than was asked for';
        my $raw = joined($offer);
        $raw->json({type => 'message', room => 1, cid => "bits-$bits", text => join '', map { (noise(40)) x 3, (noise(700)) x 2 } 1 .. 4});
        my ($event, $frame);
        do { ($event, $frame) = next_text($raw, $bits < 9 ? 9 : $bits) } until $event->{type} eq 'message';
        is $frame->{rsv}, COMPRESSED, '... and what it says can be read with such a window';
    }
};

story '7.1: what is declined, and the next offer is taken' => sub {
    for my $parameters (
        'x', 'x=1', 'server_no_context_takeover=1', 'server_no_context_takeover="true"', 'client_no_context_takeover=0', 'client_no_context_takeover; client_no_context_takeover',
        'server_no_context_takeover; server_no_context_takeover', 'server_max_window_bits', 'server_max_window_bits=10; server_max_window_bits=10',
        'client_max_window_bits; client_max_window_bits=10', (map { ("server_max_window_bits=$_", "client_max_window_bits=$_") } 0, 7, 16, '08', '+9', '1 0', 'x', '-9', 100, '9.0', 4294967305),
        'server_max_window_bits=', 'client_max_window_bits=""', 'Server_No_Context_Takeoverr', '=', '=1', ';', '')
    {
        my $offer = "permessage-deflate; $parameters";
        is answer($offer), undef, "'$offer' is declined";
        agrees '... and behind it a good one', "$offer, permessage-deflate";
        agrees '... or in a header of its own', $offer, 'permessage-deflate';
    }
    is answer($_), undef, "'$_' is something else" for 'permessage-deflat', 'permessage-deflate-frame', 'x-webkit-deflate-frame', 'permessage-bzip2', '"permessage-deflate"';
};

story '5.1, 7.2.1: what the server compresses' => sub {
    my $raw = joined();
    my $plain = Chatterbox::Raw->join($server, $ada);
    my @sizes = (1, 50, 100, 130 .. 160, 200, 255 .. 260, 1000, 16384);
    for my $size (@sizes) {
        my $cid = "size-$size";
        $raw->text(encode_json({type => 'message', room => 1, cid => $cid, text => noise($size)}));
        for my $who ($raw, $plain) {
            while (1) {
                my ($event, $frame, $text) = next_text($who);
                my $may = $who == $raw && length $text >= LEAST;
                $may = 0 if $may && length squeeze($text) >= length $text;    # it would not be shorter
                fail "$event->{type} of " . length($text) . ' bytes: RSV ' . $frame->{rsv} unless $frame->{rsv} == ($may ? COMPRESSED : 0);
                last if $event->{type} eq 'message' && $event->{message}{cid} eq $cid;
            }
        }
        pass "a text of $size bytes is told to both, compressed from " . LEAST . ' bytes on to the one who agreed';
    }
    $raw->frame(PING, 'x' x 125) for 1 .. 3;
    my @heard = hears($raw);
    is_deeply [map { $_->[1]{rsv} } @heard], [0, 0, 0], 'pongs never are';
    $raw->frame(CLOSE, pack('n', 1000) . 'x' x 100);
    my $close;
    do { $close = $raw->read_frame } until !$close || $close->{op} == CLOSE;
    is_deeply [@$close{qw(op rsv fin)}], [CLOSE, 0, 1], 'nor is a close frame';
};

story '7.2.2: what the server inflates' => sub {
    for my $length (15, 16, 125 .. 128, 255, 256, 4095 .. 4097, 32767 .. 32769, 65535, 65536, $limit) {
        is_heard packed(ping($length)), ['pong'], "$length bytes";
        is_heard frame(TEXT, ping($length)), ['pong'], '... and plain';
    }
    my $text = '{"type":"ping","x":"' . noise(3000) . "\"}";
    is_heard packed($text, level => $_), ['pong'], "level $_" for 0 .. 9;
    is_heard packed($text, bits => $_), ['pong'], "a window of $_ bits" for 9 .. 15;
    is_heard packed($text, strategy => $_->[1]), ['pong'], $_->[0] for [filtered => Z_FILTERED], [Huffman => Z_HUFFMAN_ONLY], [fixed => Z_FIXED], ['run length' => Z_RLE];
    is_heard packed([pieces($text, 100)]), ['pong'], 'many blocks';
    is_heard frame(TEXT, stored($text) . "\0", rsv => COMPRESSED), ['pong'], 'a stored block';
    is_heard frame(TEXT, join('', map { stored($_) } pieces($text, 7)) . "\0", rsv => COMPRESSED), ['pong'], '... many';
    is_heard frame(TEXT, final($text), rsv => COMPRESSED), ['pong'], 'a block with BFINAL';
    is_heard frame(TEXT, stored($text, 1) . "\0", rsv => COMPRESSED), ['pong'], '... a stored one';
    is_heard frame(TEXT, "\0", rsv => COMPRESSED), ['error'], 'the empty message (7.2.3.6): no JSON, but no broken frame';
    is_heard frame(TEXT, stored('') x 100 . stored($text) . "\0", rsv => COMPRESSED), ['pong'], 'behind empty blocks';
    is_heard packed($text) . frame(TEXT, ping()) . packed($text), [('pong') x 3], 'compressed, plain, compressed';
    is_heard packed(ping(1000)) x 500, [('pong') x 500], 'five hundred in one piece';
    my $emoji = "{\"type\":\"ping\",\"x\":\"\xf0\x9f\x98\x80\xe2\x82\xac\"}";
    is_heard packed($emoji), ['pong'], 'UTF-8';
};

story '6.1: fragments: RSV1 is on the first alone' => sub {
    my $text = '{"type":"ping","x":"' . noise(400) . '"}';
    my $bytes = squeeze($text);
    for my $size (1, 2, 10, 100) {
        my @pieces = pieces($bytes, $size);
        my @frames = map { frame($_ ? CONTINUATION : TEXT, $pieces[$_], rsv => $_ ? 0 : COMPRESSED, fin => $_ == $#pieces) } 0 .. $#pieces;
        is_heard join('', @frames), ['pong'], @pieces . ' fragments';
        is_heard join(frame(PING, 'x'), @frames), [('pong x') x $#pieces, 'pong'], '... with pings between';
    }
    is_heard frame(TEXT, '', rsv => COMPRESSED, fin => 0) . frame(CONTINUATION, $bytes, fin => 0) . frame(CONTINUATION, ''), ['pong'], 'empty ones first and last';
    is_heard frame(TEXT, substr($bytes, 0, 9), rsv => COMPRESSED, fin => 0) . frame(CONTINUATION, substr($bytes, 9), rsv => COMPRESSED), ['close 1002'], 'RSV1 in a continuation: 1002';
    is_heard frame(TEXT, '{', fin => 0) . frame(CONTINUATION, $bytes, rsv => COMPRESSED), ['close 1002'], '... of a plain message: 1002';
    my $raw = joined();
    $raw->put($_) for split //, frame(TEXT, $bytes, rsv => COMPRESSED);
    is_deeply [map { $_->[0] } hears($raw)], ['pong'], 'byte by byte';
};

story 'what breaks the connection' => sub {
    is_heard frame($_, 'x', rsv => COMPRESSED), ['close 1002'], "RSV1 on opcode $_: 1002" for CLOSE, PING, PONG, CONTINUATION, 3;
    is_heard frame(TEXT, squeeze(ping()), rsv => $_), ['close 1002'], "RSV $_: 1002" for 1 .. 3, 5 .. 7;
    my $raw = Chatterbox::Raw->join($server, $ada);
    $raw->put(packed(ping()));
    is $raw->close_code, 1002, 'RSV1 where nothing was agreed: 1002';
    for my $bad ("\x07", "\xff" x 20, "\x06" . 'x' x 20, stored('x') =~ s/x\z//r, "\x01\x05\0\0\0hello", "\x04\xfd\xff\xff") {
        is_heard frame(TEXT, $bad, rsv => COMPRESSED), ['close 1007'], join(' ', map { sprintf '%02x', ord } split //, $bad) . ' is no DEFLATE: 1007';
    }
    is_heard packed(join '', map { $_ x 50 } 'a' .. 'z') . frame(TEXT, "\x4a\x04\x11\0", rsv => COMPRESSED), ['error', 'close 1007'], 'what points into the message before: 1007'
        if !defined stretch("\x4a\x04\x11\0");
    is_heard packed("\"$_\""), ['close 1007'], 'inflated to what is not UTF-8: 1007' for "\xff", "\xc0\xaf", "\xed\xa0\x80";
    is_heard packed("\xe2\x82"), ['close 1007'], '... to what ends within a character: 1007';
    is_heard frame(BINARY, squeeze('x'), rsv => COMPRESSED), ['close 1003'], 'a binary message: 1003';
};

story 'bombs' => sub {
    is_heard packed(' ' x $_), ['close 1009'], "$_ bytes inflated: 1009" for $limit + 1, 2 * $limit;
    my $before = $server->memory;
    my $bomb   = squeeze(' ' x (64 << 20), level => 9);
    ok length $bomb < $limit, length($bomb) . ' bytes that would be 64 MB';
    is_heard frame(TEXT, $bomb, rsv => COMPRESSED), ['close 1009'], '... 1009' for 1 .. 5;
    my @pieces = pieces($bomb, 1000);
    is_heard join('', map { frame($_ ? CONTINUATION : TEXT, $pieces[$_], rsv => $_ ? 0 : COMPRESSED, fin => $_ == $#pieces) } 0 .. $#pieces), ['close 1009'], '... in fragments';
    is_heard frame(TEXT, ' ' x $limit, rsv => COMPRESSED) =~ s/^.*$//sr . packed(ping($limit)), ['pong'], 'just the limit passes';
    my $grown = $server->memory - $before;
    ok $server->sanitized || $grown < 32 << 20, sprintf 'the server grew by %.1f MB', $grown / (1 << 20);
    is_heard frame(TEXT, stored('') x 20_000 . stored(ping()) . "\0", rsv => COMPRESSED), ['pong'], 'a hundred thousand bytes of empty blocks';
};

story 'Autobahn 12, 13: all lengths, many messages, both ways' => sub {
    my $rounds = $server->sanitized ? 20 : 200;
    for my $length (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536) {
        my $raw = joined();
        my $text = '{"type":"ping","x":"' . substr(noise(200) x 400, 0, $length - 15 > 8 ? $length - 22 : 0) . '"}';
        $raw->put(packed($text) x $rounds);
        is scalar(grep { $_->[0] eq 'pong' } hears($raw)), $rounds, "$rounds messages of $length bytes";
    }
};

$server->stop;
done_testing;
