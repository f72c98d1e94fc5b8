# Fifty people in eight rooms do what comes to their mind, while the server is killed twice; at rest everybody's state is
# the database's. t/lib/Chatterbox/World.pm has what they do, and what must hold; CHATTERBOX_SEED repeats a walk.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::World;
use List::Util qw(head);

my $seed = $ENV{CHATTERBOX_SEED} // int rand 1e6;
note "CHATTERBOX_SEED=$seed";

my $server = Chatterbox->start('num-threads' => 2);
my $slow   = $server->sanitized;
my $world  = Chatterbox::World->new($server, people => 50, seed => $seed);

sub check_all ($when) {
    $world->come_to_rest;
    my @complaints = ($world->complaints, $world->http_complaints);
    is_deeply [head 5, @complaints], [], "$when: nothing lost, doubled or out of order, and everybody's state is the database's";
}

story 'three walks, and two deaths' => sub {
    for my $walk (1 .. 3) {
        $world->walk_for($slow ? 4 : 5);
        last if $walk == 3;
        $server->kill9;    # in the midst of it
        $world->step for map { ($_, $_) } $world->walkers;    # who wants to, writes on
        $world->notice_the_end;
        $server->launch;
        check_all("after death $walk") if $walk == 1;
    }
    check_all('in the end');
    my $said = $world->said;
    cmp_ok $said, '>', $slow ? 200 : 1000, "$said messages, ${\ $world->changes} changes in ${\ $world->steps} steps";
};

diag "CHATTERBOX_SEED=$seed" unless Test::More->builder->is_passing;
$server->stop;
done_testing;
