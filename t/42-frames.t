# Every bad frame: what its sender is told, and that the connection (or at least the server) lives on.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(encode_json);

my $server = Chatterbox->start('chatterbox.hello-timeout' => 30);
my $ada    = $server->connect('ada');
my $bob    = $server->connect('bob');
my $mine   = $ada->ack($ada->say('a message of mine'))->{id};

# the connection still works: the next thing said is heard
sub is_alive ($client) {
    state $n = 0;
    my $text = 'still here ' . ++$n;
    return ok eval { $client->ack($client->say($text)) }, '... and the connection works' || diag $@;
}

# sends `$bytes`, and tests that the answer is an error with this code (and this cid)
sub is_refused ($bytes, $code, $what, $cid = undef) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $ada->{inbox} = [];
    $ada->send($bytes);
    my $error = eval { $ada->next_frame(type => 'error') };
    return fail("$what: no error comes: $@") unless $error;
    is $error->{code}, $code, "$what: $code";
    is $error->{cid}, $cid, '... with its cid' if defined $cid;
    ok !exists $error->{retry_after}, '... and waiting does not help' if exists $error->{retry_after};
}

sub frame (%fields) { encode_json({type => 'message', room => 1, cid => 'c', text => 'x', %fields}) }

# a good frame whose field has this JSON as its value
sub with ($field, $json, %base) {
    %base = (type => '"message"', room => 1, cid => '"c-1"', text => '"x"') unless %base;
    $base{$field} = $json;
    return '{' . join(',', map {qq("$_":$base{$_})} grep { defined $base{$_} } sort keys %base) . '}';
}

story 'what is not JSON' => sub {
    is_refused $_, 'bad_json', "`$_`" for '', ' ', '{', '}', '{"type":"ping"', '{"type":"ping"}}', '{"type":"ping"} x', '{type:"ping"}',
        "{'type':'ping'}", '{"type":"ping",}', 'nonsense', '{"type":"ping"}{"type":"ping"}', '{"type":NaN}', '{"type":"\x"}',
        '{"type":"message","room":01}', '/* */{"type":"ping"}', "\xef\xbb\xbf{\"type\":\"ping\"}";
    is_alive $ada;
};

story 'what is JSON, but no object' => sub {
    for ('[]', '5', '"ping"', 'null', 'true', '[{"type":"ping"}]') {
        is_refused $_, 'bad_frame', "`$_`";
    }
    is_alive $ada;
};

story 'control characters' => sub {
    is_refused with(text => "\"a${_}b\""), 'bad_json', sprintf 'a raw 0x%02x in a string', ord for "\x00", "\x01", "\x1b", "\n";
    is_refused with(text => "\"a\\u00${_}b\""), 'bad_frame', "\\u00$_ in a text", 'c-1' for '00', '01', '07', '1b', '1f', '7f';
    is_refused with(cid => '"a\u0000b"'), 'bad_frame', 'NUL in a cid';
    is_refused with(type => '"message\u0000"'), 'unknown_type', 'NUL behind a type';
    my $id = $ada->ack($ada->say("tab\tline\nand \x{a0} and \x{2028}"))->{id};
    is $ada->next_frame(type => 'message', rev => $ada->rev)->{message}{text}, "tab\tline\nand \x{a0} and \x{2028}",
        'tab, line feed and the separators of Unicode are text'
        if $id;
    is_alive $ada;
};

story 'types, and fields that are missing' => sub {
    is_refused '{}', 'bad_frame', 'no type';
    is_refused "{\"type\":$_}", 'bad_frame', "type $_" for '5', 'null', '[]', '{}', 'true';
    is_refused "{\"type\":\"$_\"}", 'unknown_type', "type \"$_\"" for 'dance', '', 'Message', 'welcome', 'ack', 'error', 'x' x 1000;
    is_refused '{"type":"dance","cid":"d-1"}', 'unknown_type', 'an unknown type with a cid', 'd-1';
    is_refused with($_ => undef), 'bad_frame', "message without $_" for qw(room cid text);
    is_refused with(text => undef), 'bad_frame', 'message without text names its cid', 'c-1';
    my %edit = (type => '"edit"', cid => '"c-1"', id => $mine, text => '"x"');
    is_refused with($_ => undef, %edit), 'bad_frame', "edit without $_" for qw(id cid text);
    my %delete = (type => '"delete"', cid => '"c-1"', id => $mine);
    is_refused with($_ => undef, %delete), 'bad_frame', "delete without $_" for qw(id cid);
    is_alive $ada;
};

story 'fields of another kind' => sub {
    for my $field (qw(room cid text)) {
        for my $value ('null', 'true', '[]', '{}', '["1"]', $field eq 'room' ? '"1"' : '1') {
            is_refused with($field => $value), 'bad_frame', "$field: $value";
        }
    }
    is_alive $ada;
};

story 'numbers out of range' => sub {
    my @numbers = ('-1', '-0.5', '1.5', '9007199254740992', '9007199254740993', '9223372036854775807', '9223372036854775808',
        '18446744073709551616', '-9223372036854775809', '1e400', '-1e400', '1e-400', '9' x 400);
    is_refused with(room => $_), 'bad_frame', 'room ' . substr $_, 0, 30 for @numbers;
    is_refused with(id => $_, type => '"delete"', cid => '"c-1"'), 'bad_frame', 'id ' . substr $_, 0, 30 for @numbers;
    is_refused with(room => $_), 'not_found', "room $_ is a number, but no room", 'c-1' for 999, '9007199254740991';
    is_refused with(id => '9007199254740991', type => '"delete"', cid => '"c-1"'), 'not_found', 'the highest id', 'c-1';
    is_alive $ada;
};

story 'too deep' => sub {
    for my $depth (100, 10_000) {
        is_refused with(x => '[' x $depth . ']' x $depth), 'bad_json', "$depth lists in an unknown field";
        is_refused with(x => '{"a":' x $depth . '1' . '}' x $depth), 'bad_json', "$depth objects";
    }
    is_alive $ada;
};

story 'twice the same key' => sub {
    is_refused '{"type":"message","room":1,"cid":"c-1","text":"x","text":"y"}', 'bad_frame', 'text twice';
    is_refused '{"type":"ping","type":"message","room":1,"cid":"c-1","text":"x"}', 'bad_frame', 'type twice';
    is_refused '{"type":"message","room":1,"r\u006fom":1,"cid":"c-1","text":"x"}', 'bad_frame', 'room twice, once in disguise';
    is_alive $ada;
};

story 'unknown fields are ignored' => sub {
    my $frame = with('future', '{"a":[1.5,-2,1e400,null,true,{"type":"delete"}],"type":"delete"}') =~ s/c-1/future-1/r;
    $ada->send($frame);
    ok $ada->ack('future-1')->{id}, 'whatever they are';
};

story 'cids' => sub {
    is_refused with(cid => $_), 'bad_frame', "cid $_" for '""', '"' . 'c' x 65 . '"', "\"\xc3\xa4\"", '"a\tb"', '"a\u007f"', '"\u00e9"';
    ok $ada->ack($ada->say('x', cid => $_)), "cid $_" for 'c' x 64, '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~', '0';
};

story 'texts: empty, too long, just right' => sub {
    is_refused with(text => $_), 'empty', "text $_", 'c-1' for '""', '" "', '"\n\t \r"';
    is_refused frame(cid => 'c-1', text => $_), 'too_long', length($_) . ' characters', 'c-1' for 'x' x 16385, "\x{1f600}" x 4097;
    is_refused encode_json({type => 'edit', cid => 'c-1', id => $mine, text => 'x' x 16385}), 'too_long', 'an edit', 'c-1';
    is_refused encode_json({type => 'edit', cid => 'c-1', id => $mine, text => ''}), 'empty', 'an edit to nothing', 'c-1';
    my $long = "\x{1f600}" x 4096;
    $ada->ack($ada->say($long));
    ok $bob->until(sub { grep { ($_->{text} // '') eq $long } values %{$bob->{messages}} }), '16,384 bytes in 4,096 characters arrive';
    $ada->send('{"type":"message","room":1,"cid":"esc","text":"' . '\u0041' x 16384 . '"}');
    ok $ada->ack('esc'), '16,384 bytes that are written as escapes are not too long';
    is_alive $ada;
};

story 'half a pair of surrogates never becomes broken UTF-8' => sub {
    for my $escape ('\ud800', '\udc00', '\ud800x', '\ud800\ud800', '\udc00\ud800') {
        my $cid = 'surrogate' . ++state $n;
        $ada->send("{\"type\":\"message\",\"room\":1,\"cid\":\"$cid\",\"text\":\"a${escape}b\"}");
        my $error;
        wait_until "an answer to $escape", sub { $error = $ada->{errors}{$cid} // $ada->{errors}{''}; $error || $ada->{acks}{$cid} };
        ok 1, "$escape is " . ($error ? "refused ($error->{code})" : 'stored');
        delete $ada->{errors}{''};
    }
    is_alive $ada;
    is_deeply $bob->wrong, [], 'bob could read everything';
};

story 'JSON ping' => sub {
    $ada->send({type => 'ping'});
    ok $ada->next_frame(type => 'pong')->{now} > 1.6e12, 'pong tells the time in ms';
};

story 'ping gets pong, and fragments may have a ping between them' => sub {
    my $raw = Chatterbox::Raw->join($server, $ada);
    $raw->frame(Chatterbox::Raw::PING, 'are you there?');
    is $raw->next_control(Chatterbox::Raw::PONG)->{payload}, 'are you there?', 'pong with the same payload';
    my $text = encode_json({type => 'message', room => 1, cid => 'fragments', text => "in pieces \x{1f600}"});
    my @piece = unpack '(a7)*', $text;    # cuts through the emoji as well
    $raw->frame(Chatterbox::Raw::TEXT, shift @piece, fin => 0);
    $raw->frame(Chatterbox::Raw::PING, 'between');
    $raw->frame(Chatterbox::Raw::CONTINUATION, $_, fin => 0) for @piece[0 .. $#piece - 1];
    $raw->frame(Chatterbox::Raw::CONTINUATION, $piece[-1]);
    is $raw->next_control(Chatterbox::Raw::PONG)->{payload}, 'between', 'the ping between is answered';
    is $raw->next('ack')->{cid}, 'fragments', 'the message is put together';
    my @bytes = split //, do { my $sent = ''; no warnings 'redefine'; local *Chatterbox::Raw::put = sub ($s, $b) { $sent .= $b };
        $raw->json({type => 'ping'}); $sent };
    $raw->put($_) for @bytes;
    ok $raw->next('pong'), 'a frame may come byte by byte';
};

# -- what ends a connection: each on one of its own, and nobody else's --

my %breaks = (
    'a binary frame'                    => [1003, sub ($raw) { $raw->frame(Chatterbox::Raw::BINARY, '{"type":"ping"}') }],
    'text that is not UTF-8'            => [1007, sub ($raw) { $raw->text("{\"type\":\"\xff\"}") }],
    'an overlong slash'                 => [1007, sub ($raw) { $raw->text("\"\xc0\xaf\"") }],
    'a surrogate in UTF-8'              => [1007, sub ($raw) { $raw->text("\"\xed\xa0\x80\"") }],
    'text that ends within a character' => [1007, sub ($raw) { $raw->text("\"\xf0\x9f") }],
    'a reserved bit'                    => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::TEXT, '{"type":"ping"}', rsv => 2) }],
    'compression that nobody agreed to' => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::TEXT, '{"type":"ping"}', rsv => 4) }],
    'an unmasked frame'                 => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::TEXT, '{"type":"ping"}', masked => 0) }],
    'a reserved opcode'                 => [1002, sub ($raw) { $raw->frame(3, 'x') }],
    'a reserved control opcode'         => [1002, sub ($raw) { $raw->frame(11, 'x') }],
    'a ping of 126 bytes'               => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::PING, 'x' x 126) }],
    'a ping in pieces'                  => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::PING, 'x', fin => 0) }],
    'a continuation of nothing'         => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::CONTINUATION, 'x') }],
    'a text within a text'              => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::TEXT, '{', fin => 0)->text('{}') }],
    'a close frame of one byte'         => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::CLOSE, "\x03") }],
    'a close code that is none'         => [1002, sub ($raw) { $raw->frame(Chatterbox::Raw::CLOSE, pack 'n', 1005) }],
    'a frame of 4 MB'                   => [1009, sub ($raw) { $raw->text('x' x (4 << 20)) }],
    'a frame that claims 2^62 bytes'    => [1009, sub ($raw) { $raw->frame(Chatterbox::Raw::TEXT, 'x', length => 1 << 62) }],
    '4 MB in small pieces'              => [1009, sub ($raw) {
            $raw->frame(Chatterbox::Raw::TEXT, 'x' x 16384, fin => 0);
            $raw->frame(Chatterbox::Raw::CONTINUATION, 'x' x 16384, fin => 0) for 1 .. 255;
        }],
    'goodbye'                           => [1000, sub ($raw) { $raw->frame(Chatterbox::Raw::CLOSE, pack('n', 1000) . 'bye') }]
);

story 'broken frames close with the fitting code' => sub {
    for my $what (sort keys %breaks) {
        my ($code, $break) = @{$breaks{$what}};
        my $raw = Chatterbox::Raw->join($server, $ada);
        $break->($raw);
        is eval { $raw->close_code } // $@, $code, "$what: $code";
        ok $raw->ended, '... and the connection is over' if $code != 1009;
    }
    is_alive $ada;
};

story 'what was right before a broken frame is done' => sub {
    my $raw = Chatterbox::Raw->join($server, $ada);
    $raw->json({type => 'message', room => 1, cid => 'last words', text => 'last words'});
    $raw->next('ack');
    $raw->frame(Chatterbox::Raw::BINARY, '');
    is $raw->close_code, 1003, 'closed';
    ok $bob->until(sub { grep { ($_->{cid} // '') eq 'last words' } values %{$bob->{messages}} }), 'the message before was heard';
};

story 'the first frame is hello' => sub {
    for my $first (frame(), '{"type":"ping"}', '{', '[]', '{}', 'null', '{"type":"dance"}', '{"type":"welcome"}') {
        my $raw = Chatterbox::Raw->open($server);
        $raw->text($first);
        is $raw->close_code, 4001, "$first: 4001";
    }
    my $raw = Chatterbox::Raw->open($server);
    $raw->frame(Chatterbox::Raw::PING, 'x');
    ok $raw->next_control(Chatterbox::Raw::PONG), 'a ping frame before it is fine';
    $raw->json({type => 'hello', token => $ada->token, future => [1]});
    ok $raw->next('welcome'), '... and hello follows';
};

story 'hellos that are wrong' => sub {
    for my $token ('', 'x', 'a.b.c', $ada->token . 'x') {
        my $raw = Chatterbox::Raw->open($server);
        $raw->json({type => 'hello', token => $token});
        is $raw->close_code, 4003, 'token ' . (length $token > 10 ? 'with a letter more' : "'$token'");
    }
    my $raw = Chatterbox::Raw->open($server);
    $raw->json({type => 'hello'});
    is $raw->close_code, 4003, 'no token';
    for my $bad ('"since":5', '"since":[]', '"since":{"1":"x"}', '"since":{"1":-1}', '"since":{"x":1}', '"since":{"1":1.5}', '"epoch":5', '"token":5') {
        $raw = Chatterbox::Raw->open($server, $bad =~ /token/ ? () : (Authorization => 'Bearer ' . $ada->token));
        $raw->text("{\"type\":\"hello\",$bad}");
        my $frame = $raw->read_frame;
        ok $frame, "$bad is answered";
        like $frame->{op} == Chatterbox::Raw::CLOSE ? unpack('n', $frame->{payload}) : $frame->{payload}, qr/^400[13]$|"bad_frame"|"type":"welcome"/,
            '... with an error, a close, or as if it was not there';
    }
    my $since = join ',', map {"\"$_\":1"} 1 .. 3000;
    $raw = Chatterbox::Raw->open($server);
    $raw->text('{"type":"hello","token":"' . $ada->token . "\",\"epoch\":\"x\",\"since\":{$since}}");
    is_deeply [map { $_->{id} } @{$raw->next('welcome')->{rooms}}], [1], 'rooms that are not ours do no harm in since';
};

story 'no hello in time' => sub {
    my $own = Chatterbox->start('chatterbox.hello-timeout' => 1);
    my $raw = Chatterbox::Raw->open($own);
    is $raw->close_code, 4001, 'nothing said: 4001';
    my $slow = Chatterbox::Raw->open($own);
    $slow->frame(Chatterbox::Raw::TEXT, '{"type":"hello"', fin => 0);
    is $slow->close_code, 4001, 'half a hello: 4001';
    my $zoe = $own->connect('zoe');
    my $other = Chatterbox::Raw->open($own);
    is $other->close_code, 4001, 'one more';
    ok $zoe->ack($zoe->say('hi')), '... while who said hello may stay longer than that';
    $own->stop;
};

story 'who does not answer pings is dead' => sub {
    my $own  = Chatterbox->start('chatterbox.ping-interval' => 1);
    my $zoe  = $own->connect('zoe');
    my $dead = Chatterbox::Raw->join($own, $zoe);
    my $pings = 0;
    wait_until 'the dead one is cut off', sub { $dead->ended_by_now };    # zoe's loop turns, and answers for her
    while (my $frame = $dead->read_frame) { $pings++ if $frame->{op} == Chatterbox::Raw::PING }
    ok $pings >= 1, "pinged ($pings)";
    pass 'without an answer for two intervals the connection ends';
    ok $zoe->is_open && $zoe->ack($zoe->say('hi')), '... while who answers stays';
    $own->stop;
};

story 'all this was nobody else\'s business' => sub {
    ok $bob->is_open, 'bob is still connected';
    $bob->reaches($ada->rev);
    is_deeply $bob->transcript, $ada->transcript, 'he and ada believe the same';
    is_deeply $bob->transcript, $server->transcript, '... as the database does';
    is_deeply [@{$ada->wrong}, @{$bob->wrong}], [], 'no promise was broken';
};

$server->stop;
done_testing;
