# A wall clock that is set, back and forth, under a running server: dead clients are noticed when they should, living ones
# stay, and what is said keeps its order.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use File::Temp;
use Time::HiRes qw(time);

my $offset = File::Temp->new;    # see t/faults/clock.c
binmode $offset;

sub set_clock ($seconds) {
    seek $offset, 0, 0;
    print $offset pack 'q', $seconds;
    $offset->flush;
}

my $interval = 1;
set_clock(0);
my $server = Chatterbox->start(
    -preload                   => [clock => (CHATTERBOX_CLOCK => "$offset")],
    'chatterbox.ping-interval' => $interval,
    'chatterbox.hello-timeout' => 1
);
my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);

# with which code it is let go; the others answer their pings meanwhile
sub code_of ($raw) {
    wait_until 'it is let go', sub { $raw->ended_by_now || length $raw->{buffer} }, 20;
    return $raw->close_code;
}

# somebody who is greeted, and says nothing any more: when is he let go?
sub life_of_the_dead ($doing) {
    my $dead  = Chatterbox::Raw->join($server, $server->guest('dead' . int rand 1e9));
    my $start = time;
    $doing->();
    wait_until 'the dead one is let go', sub { $dead->ended_by_now }, 20;
    return time - $start;
}

story 'back by an hour' => sub {
    my $took = life_of_the_dead(sub { set_clock(-3600) });
    ok $took < limit(2 * $interval + 2), sprintf 'who does not answer is let go after %.1f s', $took;
    my $start = time;
    is(code_of(Chatterbox::Raw->open($server)), 4001, 'who says no hello, too');
    ok time - $start < limit(4), sprintf '... after %.1f s', time - $start;
    ok $_->ack($_->say('still here')), $_->name . ' lives' for $ada, $bob;
};

story 'who was there before it was set back, and says nothing' => sub {
    set_clock(0);
    my $quiet = Chatterbox::Raw->open($server);
    $ada->ack($ada->say('a turn of the loop'));
    set_clock(-7200);
    my $start = time;
    is code_of($quiet), 4001, 'is let go';
    ok time - $start < limit(4), sprintf '... after %.1f s', time - $start;
};

story 'set back while the server gets no time at all' => sub {
    set_clock(0);
    my $quiet = Chatterbox::Raw->open($server);
    $ada->ack($ada->say('a turn of the loop'));
    kill STOP => $server->pid;
    set_clock(-7200);
    my $until = time + 3;    # more than the hello-timeout, and some
    wait_until 'it was away for 3 s', sub { time > $until };
    kill CONT => $server->pid;
    is code_of($quiet), 4001, 'who said no hello meanwhile is let go all the same';
    ok $_->ack($_->say('still here')), $_->name . ' lives' for $ada, $bob;
};

story 'forward by a day' => sub {
    set_clock(0);
    $ada->ack($ada->say('now'));
    my $new = Chatterbox::Raw->open($server);
    my $eve = Chatterbox::Raw->join($server, $server->guest('eve'));
    set_clock(86400);
    $_->ack($_->say('tomorrow')) for $ada, $bob;
    $new->json({type => 'hello', token => $server->guest('late')->token});
    ok $new->next('welcome'), 'who had yet to say hello still may';
    $eve->json({type => 'message', room => 1, text => 'me, too', cid => 'eve-1'});
    ok $eve->next('ack'), 'who was there is there';
    my $took = life_of_the_dead(sub { set_clock(2 * 86400) });
    ok $took < limit(2 * $interval + 2), sprintf 'who does not answer is let go after %.1f s', $took;
};

story 'a clock that nobody can rely on' => sub {
    my $seed = srand;
    for (1 .. 60) {
        set_clock(int rand(2 * 86400) - 86400);
        my $who = ($ada, $bob)[rand 2];
        $who->ack($who->say("at some time $_"));
    }
    my $took = life_of_the_dead(sub { set_clock(-86400) });
    ok $took < limit(2 * $interval + 2), sprintf 'who does not answer is let go after %.1f s (seed %d)', $took, $seed;
    $_->reaches($ada->rev) for $bob;
    for my $who ($ada, $bob) {
        ok $who->is_open, $who->name . ' is here';
        is_deeply $who->wrong, [], '... saw no promise broken';
        is_deeply $who->transcript, $server->transcript, '... and heard everything, in order';
    }
    my @history = @{$ada->history};
    is_deeply [map { $_->{id} } @history], [sort { $a <=> $b } map { $_->{id} } @history], 'the order is that of the ids';
    ok scalar(grep { $history[$_]{timestamp} < $history[$_ - 1]{timestamp} } 1 .. $#history), '... where the times are not';
    ok $server->connect('new')->is_open, 'somebody new comes in';
};

$server->stop;
done_testing;
