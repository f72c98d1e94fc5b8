# Nobody waits for the slowest: who does not read is let go with 4008, comes back, and has missed nothing.
use v5.36;
use Test::More;
use Chatterbox;
use Time::HiRes qw(time);

# The kernel takes some megabytes for a connection before the server has to hold anything, so much must be said.
my ($messages, $size) = (1200, 16000);

# Says all that, twenty at a time; how long the slowest twenty took, in s. Those who do not read look up when the server has
# let go of all of them: it waits some seconds for them to see why.
sub hurry ($hare, @sloths) {
    my $slowest = 0;
    for my $batch (1 .. $messages / 20) {
        my $start = time;
        my @cids = map { $hare->say("$batch/$_ " . 'x' x $size, wait => 0) } 1 .. 20;
        $hare->ack($_) for @cids;
        $slowest = time - $start if time - $start > $slowest;
        next unless @sloths && $hare->server->get('/metrics')->body =~ /^\S*slow\S* (\d+)$/m && $1 == @sloths;
        $_->resume_reading for splice @sloths;
    }
    return $slowest;
}

story 'the sloth and the hare' => sub {
    my $server = Chatterbox->start('chatterbox.outbound-limit' => 65536);
    my ($sloth, $hare) = map { $server->connect($_) } qw(sloth hare);
    $sloth->stop_reading;
    my $slowest = hurry($hare, $sloth);
    ok $slowest < limit(5), sprintf 'the hare runs: at most %.2f s for 20 messages', $slowest;
    ok $hare->is_open, '... and is still here';
    is $sloth->close_code, 4008, 'the slow one is let go';
    is_deeply $hare->transcript, $server->transcript, 'the hare heard everything';
    $sloth->reconnect;
    $sloth->learn($_) for $sloth->page->{reset} ? @{$sloth->history} : ();
    is_deeply $sloth->transcript, $server->transcript, 'the sloth comes back, and catches up without a gap';
    is_deeply [@{$sloth->wrong}, @{$hare->wrong}], [], 'no promise was broken';
    ok $sloth->ack($sloth->say('here I am')), '... and talks again';
    like $server->get('/metrics')->body, qr/^\S*slow\S* 1$/m, 'it was counted';
    $server->stop;
};

story 'sloths by the dozen cost no memory' => sub {
    my $server = Chatterbox->start('chatterbox.outbound-limit' => 65536);
    my $hare   = $server->connect('hare');
    my @sloths = map { $server->connect("sloth$_")->stop_reading } 1 .. 24;
    $hare->say('x' x $size) for 1 .. 150;    # the room's memory of its newest messages is full
    my $before = $server->memory;
    hurry($hare, @sloths);
    my $grown = $server->memory - $before;
    SKIP: {
        skip 'a sanitizer keeps what is freed', 1 if $server->sanitized;
        ok $grown < 40 << 20, sprintf '%.0f MB were sent to each of 24, and the server grew by %.1f MB', $messages * $size / 1e6, $grown / 1e6;
    }
    is scalar(grep { $_->close_code != 4008 } @sloths), 0, 'each is let go with 4008';
    $server->stop;
};

story 'much at once is no slowness' => sub {
    my $server = Chatterbox->start(-tls => 1, 'chatterbox.outbound-limit' => 65536);
    my ($hare, $plain) = map { $server->connect($_) } qw(hare plain);
    my $tls = $server->guest('tls')->join(url => $server->tls_url =~ s/^https/wss/r . '/ws');
    for (1 .. 5) {
        my @cids = map { $hare->say('x' x 4000, wait => 0) } 1 .. 50;    # three times the limit, in few commits
        $hare->ack($_) for @cids;
        $_->reaches($hare->rev) for $plain, $tls;
    }
    ok $_->is_open, $_->name . ' reads, and stays' for $hare, $plain, $tls;
    is_deeply $_->transcript, $server->transcript, '... with everything' for $hare, $plain, $tls;
    my $late = $server->connect('late');
    ok length(Mojo::JSON::encode_json($late->page)) > 65536 && $late->ack($late->say('hi')), 'a history above the limit throws nobody out';
    $server->stop;
};

story 'who reads slowly, but reads, may stay' => sub {
    my $server = Chatterbox->start;
    my ($snail, $hare) = map { $server->connect($_) } qw(snail hare);
    for (1 .. 20) {
        $snail->stop_reading;
        my @cids = map { $hare->say('x' x 4000, wait => 0) } 1 .. 40;
        $hare->ack($_) for @cids;
        $snail->resume_reading->reaches($hare->rev);
    }
    ok $snail->is_open, 'still here';
    is_deeply $snail->transcript, $server->transcript, 'with everything';
    is_deeply $snail->wrong, [], 'in order';
    $server->stop;
};

done_testing;
