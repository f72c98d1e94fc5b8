# RFC 6455 section 8.1: text is UTF-8 (RFC 3629), Autobahn's group 6: what is good passes wherever it is cut, what is not is refused
# with 1007 as soon as the byte comes that makes it so, without waiting for the end of the frame or message (6.4).
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;

use constant {map { $_ => Chatterbox::Raw->can($_)->() } qw(CONTINUATION TEXT CLOSE PING)};

# one worker: what goes through `$other` and back has seen the server read all that was sent before
my $server = Chatterbox->start('num-threads' => 1, 'chatterbox.hello-timeout' => 60);
my $ada    = $server->guest('ada');
my $other  = Chatterbox::Raw->open($server);

sub frame (@frame) { Chatterbox::Raw::encode(@frame) }
sub hex_of ($bytes) { join ' ', map { sprintf '%02x', ord } split //, $bytes }
sub code ($point) { my $text = chr $point; utf8::encode($text); $text }    # Perl encodes what UTF-8 forbids, too

# -- the tables: first and last of each length, their neighbours, and what looks like them --

my @valid = (
    map({ code($_) } 0x20, 0x7e, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xcfff, 0xd000, 0xd7ff, 0xe000, 0xfffd .. 0x10001, 0x3ffff, 0x40000, 0xfffff, 0x100000, 0x10fffe, 0x10ffff),
    map({ code($_ * 0x10000 + 0xfffe) . code($_ * 0x10000 + 0xffff) } 0 .. 16),    # characters that nobody assigned are no mistake
    code(0xfdd0), code(0xfeff), code(0x2028), code(0x345), code(0xe0001),
    "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
    "\xe2\x82\xac\xf0\x9f\x98\x80\xd7\x90x\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"
);

my @invalid = (
    map({ pack 'C', $_ } 0x80, 0xbf, 0xc0, 0xc1, 0xf5 .. 0xff),                    # a continuation alone; bytes that do not occur
    "\x80\xbf", "\xbf\x80\xbf", join('', map { chr } 0x80 .. 0xbf),
    map({ my $lead = $_; map {"$lead$_"} ' ', "\xc3", "\x7f", "\xff" } map { pack 'C', $_ } 0xc2, 0xdf),                          # nothing behind a lead
    map({ my $lead = $_; map {"$lead$_"} ' ', "\x80 ", "\x80\xc0", "\xbf\x7f" } map { pack 'C', $_ } 0xe1, 0xec, 0xee, 0xef),
    map({ my $lead = $_; map {"$lead$_"} ' ', "\x80 ", "\x80\x80 ", "\x80\x80\xc0" } map { pack 'C', $_ } 0xf1, 0xf3),
    "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf",                           # a slash, too long
    "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf",                            # the last that are
    "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80",                            # NUL, too long
    map({ code($_) } 0xd800, 0xdb7f, 0xdb80, 0xdbff, 0xdc00, 0xdf80, 0xdfff), code(0xd800) . code(0xdc00), code(0xdbff) . code(0xdfff),
    "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf7\xbf\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfb\xbf\xbf\xbf\xbf", "\xfc\x84\x80\x80\x80\x80",
    "\xfd\xbf\xbf\xbf\xbf\xbf", "\xfe\xfe\xff\xff", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"
);

my @truncated = map { my $whole = $_; map { substr $whole, 0, $_ } 1 .. length($whole) - 1 } map { code($_) } 0x80, 0x7ff, 0x800, 0xd7ff, 0xffff, 0x10000, 0x10ffff;

# a good message that says it
sub saying ($text) { "{\"type\":\"ping\",\"x\":\"$text\"}" }

# -- who says it; all cases at once: first the heads to all, and when the server has read those, the tails --

# the codes with which the server closes a connection each for the lists of pieces
sub codes (@cases) {
    my @codes;
    while (my @batch = splice @cases, 0, 100) {
        my @raw = map { Chatterbox::Raw->open($server) } @batch;
        for my $turn (0 .. 1) {
            $raw[$_]->put($batch[$_][$turn] // '') for 0 .. $#raw;
            $other->heard for 1, 2;
        }
        push @codes, map { eval { $_->close_code } // $@ } @raw;
    }
    return \@codes;
}

story 'what is good, whole, and cut at every byte' => sub {
    my $raw = Chatterbox::Raw->join($server, $ada);
    for my $text (@valid) {
        my $json = saying($text);
        $raw->frame(TEXT, $json);
        my $start = 20;    # of the text, less one
        for my $at ($start .. $start + 2 + length $text) {
            $raw->frame(TEXT, substr($json, 0, $at), fin => 0)->frame(CONTINUATION, substr $json, $at);
            $raw->frame(TEXT, substr($json, 0, $at), fin => 0)->frame(PING, '')->frame(CONTINUATION, '', fin => 0)->frame(CONTINUATION, substr $json, $at);
        }
        my $heard = join ' ', @{$raw->heard};
        like $heard, qr/^pong(?: pong pong  pong){@{[length($text) + 3]}}$/, 'the bytes ' . hex_of($text);
    }
    for my $text (@valid) {
        my $bytes = frame(TEXT, saying($text));
        for my $at (length($bytes) - length($text) - 3 .. length($bytes) - 1) {
            $raw->put(substr $bytes, 0, $at);
            $other->heard;
            $raw->put(substr $bytes, $at);
        }
        is_deeply $raw->heard, [('pong') x (3 + length $text)], hex_of($text) . ', cut between two packets';
    }
    $raw->frame(TEXT, saying(join '', @valid)) for 1 .. 3;
    is_deeply $raw->heard, [('pong') x 3], 'all in one';
};

story 'what is not is refused' => sub {
    my @whole = map { my $text = $_; map { [frame(TEXT, $_)] } $text, saying($text), 'x' x 4090 . $text } @invalid;
    my $codes = codes(@whole);
    is_deeply [splice @$codes, 0, 3], [(1007) x 3], hex_of($_) . ', alone, in a message, and behind much' for @invalid;
    $codes = codes(map { [frame(TEXT, $_)] } @truncated);
    is shift @$codes, 1007, 'the bytes ' . hex_of($_) . ', and no more' for @truncated;
    $codes = codes(map { [frame(TEXT, $_, fin => 0) . frame(CONTINUATION, '')] } @truncated);
    is shift @$codes, 1007, 'the bytes ' . hex_of($_) . ', and an empty fragment' for @truncated;
};

story '... cut at every byte' => sub {
    my (@between_fragments, @between_packets, @what);
    for my $text (@invalid) {
        for my $at (1 .. length($text) - 1) {
            last if $at > 12;
            my ($head, $tail) = (substr($text, 0, $at), substr $text, $at);
            push @what, hex_of($head) . ' | ' . hex_of($tail);
            push @between_fragments, [frame(TEXT, $head, fin => 0), frame(CONTINUATION, $tail)];
            my $bytes = frame(TEXT, $text);
            push @between_packets, [substr($bytes, 0, 6 + $at), substr $bytes, 6 + $at];
        }
    }
    my ($fragments, $packets) = (codes(@between_fragments), codes(@between_packets));
    is_deeply [$fragments->[$_], $packets->[$_]], [1007, 1007], "$what[$_]: between fragments and packets" for 0 .. $#what;
};

story 'it is refused at once: nothing waits for the end' => sub {
    my @early = grep { length && !/^[\xc2-\xf4]$/ } @invalid;
    my $codes = codes(map { [substr frame(TEXT, "good so far $_", length => 60000), 0, 8 + 12 + length] } @early);
    is shift @$codes, 1007, 'the bytes ' . hex_of($_) . ', of a frame that is not through' for @early;
    $codes = codes(map { [frame(TEXT, 'good ', fin => 0) . frame(CONTINUATION, $_, fin => 0)] } @early);
    is shift @$codes, 1007, 'the bytes ' . hex_of($_) . ', of a message that is not' for @early;
    $codes = codes(map { [frame(TEXT, $_, fin => 0), frame(CONTINUATION, "\xff", fin => 0)] } @truncated);
    is shift @$codes, 1007, 'the bytes ' . hex_of($_) . ', and then no continuation' for @truncated;
};

story 'where 1007 does not belong' => sub {
    my $raw = Chatterbox::Raw->join($server, $ada);
    $raw->frame(PING, $_) for "\xff", "\xc0\xaf";
    is_deeply $raw->heard, ["pong \xff", "pong \xc0\xaf"], 'pings carry any bytes';
    $raw->frame(2, "\xff");
    is $raw->close_code, 1003, 'and binary frames are refused as such';
};

$server->stop;
done_testing;
