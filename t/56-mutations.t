# A hundred thousand mutated frames. Mallory sends valid frames with bits flipped, bytes lost, doubled and put in, fields swapped,
# numbers too big and text that is no UTF-8; and, less often, WebSocket frames whose head is mutated, which end the connection. The
# server stays up, answers with nothing but well-formed frames, and grows no memory; and those who chat meanwhile, in her room and in
# another, notice nothing: all they say is acknowledged, and heard in order. What a mutant happens to mean is not our concern (some
# are good messages), so nobody here knows what Mallory said; only that the others' models and the database agree about it.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(decode_json encode_json);
use Socket qw(IPPROTO_TCP TCP_NODELAY SHUT_WR);

my $seed = $ENV{CHATTERBOX_SEED} // (time ^ $$) & 0x7fffffff;
note "CHATTERBOX_SEED=$seed";

# our own dice: Perl's are thrown by the clients too, how often depends on the network
sub dice ($sides) {
    use integer;
    state $state = $seed;
    $state = $state * 6364136223846793005 + 1442695040888963407;
    return (($state >> 33) & 0x7fffffff) % $sides;
}
sub pick (@from) { $from[dice(scalar @from)] }

my $server = Chatterbox->start('chatterbox.rate' => 0, 'num-threads' => 2);
my $goal   = $server->sanitized ? 50_000 : 100_000;

# -- the valid frames that are mutated --

my $nowhere = 9007199254740991;    # an id that no message has
my $newest  = 1;                   # the last that Mallory heard of
my $epoch   = '';

my @texts = (
    '"hi"', '"several\nlines and a \"quote\""', '"\u00e9\u20ac\ud83d\ude80"', "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x80\"", '"' . 'long ' x 40 . '"', '" x "',
    '"{\"type\":\"ping\"}"'
);

sub id () { pick($newest, $newest - dice(50), 1 + dice(100), $newest + 1) }

# each is a list of keys and values, the values as JSON
my @valid = (
    (sub { (type => '"message"', room => 1, cid => '"c-' . dice(1 << 30) . '"', text => pick(@texts)) }) x 8,
    (sub { (type => '"edit"', cid => '"e-' . dice(1 << 30) . '"', id => id(), text => pick(@texts)) }) x 4,
    (sub { (type => '"delete"', cid => '"d-' . dice(1 << 30) . '"', id => id()) }) x 4,
    (sub { (type => '"read"', room => 1, id => id()) }) x 4,
    (sub { (type => '"typing"', room => 1) }) x 3,
    (sub { (type => '"ping"') }) x 3,
    sub { (type => '"hello"', epoch => "\"$epoch\"", since => "{\"1\":" . dice(1000) . ',"7":4}') }
);

sub as_json (@pairs) { '{' . join(',', map {"\"$pairs[2 * $_]\":$pairs[2 * $_ + 1]"} 0 .. @pairs / 2 - 1) . '}' }

# -- mutations of its fields; each takes and returns keys and values --

my @odd = (
    qw(-1 0 -0 1.5 1e2 1E400 -1e-400 007 9007199254740991 9007199254740992 9223372036854775808 18446744073709551616 null true false "1" "" [] {}),
    '9' x 500, '[' x 15 . ']' x 15, '[' x 500 . ']' x 500, '{"a":' x 30 . '1' . '}' x 30, '{"1":2,"1":3}', '{"1":-1}', '[1,"2",{"type":"ping"}]',
    '"\u0000"', '"\ud800"', '"\udc00\ud800"', '"\u00"', "\"\x00\"", "\"\x7f\"", '"' . 'x' x 300 . '"', '{' . join(',', map {"\"$_\":1"} 1 .. 300) . '}'
);

sub at_value (@pairs) { 1 + 2 * dice(@pairs / 2) }

my @on_fields = (
    sub (@p) { $p[at_value(@p)] = pick(@odd); @p },                                        # another number or type
    sub (@p) { my ($x, $y) = (at_value(@p), at_value(@p)); @p[$x, $y] = @p[$y, $x]; @p },  # values swapped
    sub (@p) { my ($x, $y) = (at_value(@p) - 1, at_value(@p) - 1); @p[$x, $y] = @p[$y, $x]; @p },
    sub (@p) { splice @p, at_value(@p) - 1, 2; @p },                                       # one is missing
    sub (@p) { my $at = at_value(@p); (@p, $p[$at - 1], pick($p[$at], pick(@odd))) },      # one is there twice
    sub (@p) { my @other = pick(@valid)->(); $p[1] = $other[1]; @p },                      # of another type
    sub (@p) { my @other = pick(@valid)->(); (@p, @other[2 .. $#other]) },
    sub (@p) { (@p, future => pick(@odd)) },
    sub (@p) { $p[at_value(@p) - 1] = pick('Type', 'id ', '', 'x' x 200, '\u0069d', '\u0000', 'token'); @p },
    sub (@p) { $p[at_value(@p)] =~ s/(\d)/pick(0 .. 9, '-', '.', 'e')/e; @p }
);

# -- mutations of its bytes --

my @pieces = (map({ pack 'C', $_ } 0 .. 127), qw({ } [ ] " : \ \\\\ \u null true 1e9), ',', "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80", "\xef\xbb\xbf", "\xc2\x80");

my @on_bytes = (
    sub ($b) { substr($b, dice(length $b), 1) ^.= chr(1 << dice(7)); $b },                  # a bit
    sub ($b) { substr($b, dice(length $b), 1) ^.= chr(1 << dice(7)); $b },
    sub ($b) { substr($b, dice(length $b), 1 + dice(3), ''); $b },                          # bytes lost
    sub ($b) { substr($b, dice(length($b) + 1), 0, pick(@pieces)); $b },                    # put in
    sub ($b) { my $at = dice(length $b); substr($b, $at, 0, substr $b, $at, 1 + dice(8)); $b },
    sub ($b) { substr $b, 0, dice(length $b) },                                             # the end is missing
    sub ($b) { substr $b, dice(length $b) },
    sub ($b) { my $other = as_json(pick(@valid)->()); substr($b, 0, dice(length $b)) . substr $other, dice(length $other) },
    sub ($b) { $b . pick($b, ' ', "\n", '}', "\0", 'x') }
);

# bytes that end the connection, and text that does not
my @no_utf8 = ("\x80", "\xff", "\xc3", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x9a", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80");
my $utf8    = qr/\A(?:[\x00-\x7f]++|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}
    |\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*+\z/x;    # RFC 3629 section 4

# one or more mutations of a valid frame: of its fields, of its bytes, or of both
sub mutant () {
    my @pairs     = pick(@valid)->();
    my $of_fields = dice(3);
    for (1 .. $of_fields) { @pairs = pick(@on_fields)->(@pairs) if @pairs }
    my $bytes    = as_json(@pairs);
    my $of_bytes = $of_fields ? pick(0, 0, 1, 2) : 1 + dice(2);
    for (1 .. $of_bytes) { $bytes = pick(@on_bytes)->($bytes) if length $bytes }
    return $bytes;
}

# -- frames of WebSocket. A mask of zeros is one, too, and masks for nothing. --

sub masked ($payload, $first = 0x81) {
    my $n = length $payload;
    return pack('C', $first) . ($n < 126 ? pack 'C', 0x80 | $n : $n < 65536 ? pack 'Cn', 0xfe, $n : pack 'CQ>', 0xff, $n) . "\0\0\0\0$payload";
}

# mutations of the head: flags and kind, mask and length, all of it; and bytes lost or put in, so that the payload becomes a head
my @on_frame = (
    sub ($f) { substr($f, 0, 1) ^.= chr(1 << dice(8)); $f },
    sub ($f) { substr($f, 0, 1, chr dice(256)); $f },
    sub ($f) { substr($f, 1, 1) ^.= chr(1 << dice(8)); $f },
    sub ($f) { substr($f, 1, 1, pick("\xfe", "\xff", chr dice(256))); $f },
    sub ($f) { substr($f, 1, 1, "\xff" . pack 'Q>', pick(0, 1, 125, 65535, 65536, 1 << 20, 1 << 31, 1 << 62, ~0)); $f },
    sub ($f) { substr($f, 1, 1, "\xfe" . pack 'n', pick(0, 1, 125, 126, 65535)); $f },
    sub ($f) { substr($f, 2, 4, pack 'N', dice(1 << 30)); $f },
    sub ($f) { substr($f, dice(6), 1 + dice(6), ''); $f },
    sub ($f) { substr($f, dice(6), 0, pack 'N', dice(1 << 30)); $f },
    sub ($f) { join '', map { chr dice(256) } 1 .. 1 + dice(60) },
    sub ($f) { masked(substr($f, 6), 0x01) . masked(substr($f, 6), pick(0x00, 0x80, 0x81, 0x01, 0x89)) x dice(5) },    # in pieces
    sub ($f) { masked(pick('', "\3", "\3\xe8", "\3\xe8bye", "\3\xe8\xff", pack 'n', dice(65536)), 0x88) }              # a close
);

# -- Mallory --

my $mallory = $server->guest('mallory');
my (%heard, %closed, @ill_formed);    # types and codes of what she was told; codes of close frames

my %known = map { $_ => 1 } qw(welcome history ack error message edit delete room user presence typing read pong bye);

# the server's own codes that fit; and whatever a mutant gave for a reason to close comes back to it
my %unfit = map { $_ => 1 } 4001, 4005, 4008, 4029;
sub may_close ($code) { ($code >= 1000 && $code < 1016) || ($code >= 3000 && $code < 5000 && !$unfit{$code}) }

# takes the whole frames out of the connection's buffer; what is cut off by the end of the connection stays
sub hear ($raw) {
    my $buffer = \$raw->{buffer};
    my $at     = 0;
    while (length($$buffer) - $at >= 2) {
        my ($first, $n) = unpack 'CC', substr $$buffer, $at, 2;
        my $head = $n == 127 ? 10 : $n == 126 ? 4 : 2;
        last if length($$buffer) - $at < $head;
        $n = unpack $n == 127 ? 'Q>' : 'n', substr $$buffer, $at + 2, $head - 2 if $n > 125 && $n < 128;
        last if length($$buffer) - $at < $head + $n;
        hear_frame($raw, $first, substr $$buffer, $at + $head, $n);
        $at += $head + $n;
    }
    substr $$buffer, 0, $at, '';
}

sub ill_formed ($why, $bytes) { push @ill_formed, "$why: " . substr $bytes =~ s/[^ -~]/?/gr, 0, 200 if @ill_formed < 20 }

sub hear_frame ($raw, $first, $payload) {
    return ill_formed('a frame behind the close frame', $payload) if defined $raw->{closed};
    return hear_text($raw, $payload) if $first == 0x81;
    return if $first == 0x8a || $first == 0x89;
    return ill_formed(sprintf('a frame that begins with %02x', $first), $payload) if $first != 0x88;
    $raw->{closed} = length $payload >= 2 ? unpack 'n', $payload : 1005;
    ill_formed('closed with', $raw->{closed}) unless may_close($raw->{closed});
    $closed{$raw->{closed}}++;
}

sub hear_text ($raw, $bytes) {
    my $frame = $bytes =~ $utf8 && eval { decode_json($bytes) };
    return ill_formed('not an object of a known type', $bytes) unless ref $frame eq 'HASH' && $known{$frame->{type} // ''};
    $heard{$frame->{type} eq 'error' ? $frame->{code} : $frame->{type}}++;
    $newest        = $frame->{id} if $frame->{type} eq 'ack' && $frame->{id} > $newest;
    $epoch         = $frame->{epoch} if $frame->{type} eq 'welcome';
    $raw->{answer} = $frame->{cid}   if $frame->{type} eq 'error' && ($frame->{cid} // '') =~ /^sync-\d+$/;
}

# a connection that is read by the loop, so that everybody lives meanwhile
sub come () {
    my $raw = Chatterbox::Raw->open($server);
    setsockopt $raw->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;
    $raw->json({type => 'hello', token => $mallory->token});
    my $reactor = Mojo::IOLoop->singleton->reactor;
    $reactor->io($raw->{socket} => sub {
        my $n = sysread $raw->{socket}, $raw->{buffer}, 262144, length $raw->{buffer};
        return if !defined $n && $!{EAGAIN};
        $raw->{eof} = 1 unless $n;
        $reactor->remove($raw->{socket}) unless $n;
        hear($raw);
    })->watch($raw->{socket}, 1, 0);
    return $raw;
}

# these frames are answered, as far as they have an answer, or the connection is gone
sub send_and_wait ($raw, $bytes) {
    state $n = 0;
    my $cid = 'sync-' . ++$n;
    $raw->put($bytes . masked(as_json(type => '"delete"', cid => "\"$cid\"", id => $nowhere)));
    wait_until 'an answer', sub { ($raw->{answer} // '') eq $cid || $raw->{eof} || defined $raw->{closed} }, 20;
}

my ($mutants, $frame_mutants, @wrong) = (0, 0);
my @ends = (
    (\&mutated_heads) x 12,
    (sub ($raw) { must_close($raw, 1007, no_utf8()) }) x 6,
    sub ($raw) { must_close($raw, 1009, mutant() . 'x' x 120_000) },
    sub ($raw) { must_close($raw, 4003, '{"type":"hello","token":' . pick('""', '"a.b.c"', '"\u0000"', '"' . 'x' x 5000 . '"') . '}') }
);

# mutants by the hundred over one connection, which must survive them; then some that it does not survive, or need not
sub one_life () {
    my $raw = come();
    for (1 .. 2) {
        send_and_wait($raw, join '', map { masked(harmless()) } 1 .. 70);
        $mutants += 70;
        push @wrong, 'closed with ' . ($raw->{closed} // 'nothing') if $raw->{eof} || defined $raw->{closed};
    }
    pick(@ends)->($raw);
    wait_until 'the server hangs up', sub { $raw->{eof} }, 20;
    close $raw->{socket};
}

# a mutant that is not meant to end the connection: text, and without a token, which might be no good
sub harmless () {
    my $mutant;
    do { $mutant = mutant() } while $mutant !~ $utf8 || $mutant =~ /token/;
    return $mutant;
}

# the server must close for this, and say why
sub must_close ($raw, $code, $bytes) {
    $mutants++;
    $raw->put(masked($bytes));
    wait_until 'it is closed', sub { defined $raw->{closed} || $raw->{eof} }, 20;
    push @wrong, 'closed with ' . ($raw->{closed} // 'nothing') . ", not $code" if ($raw->{closed} // 0) != $code;
    shutdown $raw->{socket}, SHUT_WR;
}

sub no_utf8 () {
    my $bytes = mutant();
    substr $bytes, dice(length($bytes) + 1), 0, pick(@no_utf8);
    return $bytes =~ $utf8 ? pick(@no_utf8) : $bytes;    # what was put in has met its other half
}

# mutated heads: some close the connection, others make the server wait for the rest of a long frame, or mean something
sub mutated_heads ($raw) {
    my @heads = map { pick(@on_frame)->(masked(mutant())) } 1 .. 1 + dice(3);
    my @more  = map { masked(mutant()) } 1 .. 3;
    $frame_mutants += @heads;
    $mutants       += @heads + @more;
    $raw->put(join '', @heads, @more);
    shutdown $raw->{socket}, SHUT_WR;
}

# -- the others --

my ($ann, $ben, $gus) = map { $server->connect($_) } qw(ann ben gus);
my $room = $ann->post('/api/rooms', {kind => 'private', name => 'elsewhere'})->json->{id};
$ann->post("/api/rooms/$room/members", {username => 'ben'});
wait_until 'ben is in', sub { defined $ben->rev($room) };
my %place  = (ann => $room, ben => $room, gus => 1);
my %talker = (ann => $ann, ben => $ben, gus => $gus);
my (%said, %cid, @refused);    # how much each has said; the cid that waits for its ack

# whoever has an answer, says the next
sub chat () {
    for my $name (sort keys %talker) {
        my $who = $talker{$name};
        next unless $who->is_open;
        my $answer = defined $cid{$name} ? $who->answered($cid{$name}) : 1;
        next unless $answer;
        push @refused, "$name: $answer->{code}" if ref $answer && $answer->{type} ne 'ack';
        $cid{$name} = $who->say("$name " . ++$said{$name}, room => $place{$name}, wait => 0);
    }
}

# what `$who` heard of `$name`, in the order it came
sub heard_of ($who, $name) { map { $_->{message}{text} } grep { $_->{message}{username} eq $name } $who->frames('message') }

story 'mutants' => sub {
    one_life() for 1 .. 20;    # so that memory is what it is under load
    my $before = $server->memory;
    my $pump   = Mojo::IOLoop->recurring(0.005 => sub { chat() });
    one_life() while $mutants < $goal && !$server->exited && @wrong < 10;
    Mojo::IOLoop->remove($pump);
    ok !$server->exited, 'the server is up';
    cmp_ok $mutants, '>=', $goal, "$mutants mutants were sent, $frame_mutants of them of WebSocket's own bytes";
    is_deeply \@wrong,      [], 'connections end when they must, and only then';
    is_deeply \@ill_formed, [], 'every answer is a well-formed one';
    note join ', ', map {"$_ $heard{$_}"} sort keys %heard;
    note join ', ', map {"$_ $closed{$_}"} sort keys %closed;
    ok $heard{$_} > $goal / 1000, "$heard{$_} times $_" for qw(ack bad_json bad_frame unknown_type not_found pong message edit delete);
    ok $closed{$_}, "$closed{$_} times closed with $_" for 1002, 1007, 1009, 4003;
    SKIP: {
        skip 'a sanitizer keeps what is freed', 1 if $server->sanitized;
        my $grown = $server->memory - $before;
        ok $grown < 16 << 20, sprintf 'the server grew by %.1f MB', $grown / 1e6;
    }
};

story 'the others notice nothing' => sub {
    for my $who ($ann, $ben, $gus) {
        my $name = $who->name;
        ok $who->is_open, "$name is still here";
        ok $who->ack($cid{$name}), '... and was answered to the last';
        cmp_ok $said{$name}, '>', 100, "... after $said{$name} messages";
    }
    is_deeply \@refused, [], 'nothing was refused';
    is_deeply [map { $_->frames('error') } $ann, $ben, $gus], [], '... and nobody was told of the mistakes of another';
    my $last = $gus->ack($gus->say('that is all'));
    $_->reaches($last->{rev}) for $ann, $ben;
    my $end = $ann->ack($ann->say('that is all', room => $room));
    $ben->reaches($end->{rev}, $room);
    for (['ann', $ann, $ben], ['ben', $ann, $ben], ['gus', $ann, $ben, $gus]) {
        my ($name, @hearers) = @$_;
        my @order = ((map {"$name $_"} 1 .. $said{$name}), $name eq 'ben' ? () : 'that is all');
        is_deeply [heard_of($_, $name)], \@order, $_->name . " heard all of $name, in order" for @hearers;
    }
    is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for $ann, $ben, $gus;
    is_deeply $gus->transcript, $server->transcript, 'gus believes what the database has, whatever Mallory did';
    is_deeply $ann->transcript($room), $server->transcript($room), '... and ann, elsewhere';
    my $db = $server->db;
    my $there = $db->selectcol_arrayref('SELECT DISTINCT username FROM messages WHERE room_id <> 1 ORDER BY username');
    is_deeply $there, [qw(ann ben)], 'nobody else spoke there';
    my $untouched = $db->selectrow_array("SELECT count(*) FROM messages WHERE username = 'gus' AND deleted = 0 AND edited = 0");
    is $untouched, $said{gus} + 1, 'nobody spoke for gus, or changed what he said';
    is $db->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is sound';
    $db->disconnect;
    my $new = $server->connect('newcomer');
    ok $new->ack($new->say('hello')), 'who comes now, is welcome';
};

$_->leave for grep { $_->is_open } $ann, $ben, $gus;
$server->stop;
diag "CHATTERBOX_SEED=$seed repeats this" unless Test::More->builder->is_passing;
done_testing;
