# SIGTERM while everybody walks about, and a new start: what was acknowledged is there, everybody is back within 5 s of it,
# and nobody is told anything twice.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::World;
use List::Util qw(head);
use Time::HiRes qw(time);

my $seed = $ENV{CHATTERBOX_SEED} // int rand 1e6;
note "CHATTERBOX_SEED=$seed";

my $server = Chatterbox->start('num-threads' => 2);
my $rounds = $ENV{CHATTERBOX_LONG} ? 50 : 1;
my $world  = Chatterbox::World->new($server, people => 12, seed => $seed);

# each comes back when the goodbye said so, and tries again every tenth of a second
sub everybody_is_back {
    for my $walker (grep { $_->{phase} eq 'off' } $world->walkers) {
        $walker->{not_before} //= time + ($walker->{bye} ? $walker->{bye}{again_ms} / 1000 : 0);
        next if time < $walker->{not_before};
        $walker->{not_before} = time + 0.1;
        $walker->come;
    }
    return !grep { $_->{phase} ne 'in' } $world->walkers;
}

for my $round (1 .. $rounds) {
    story "round $round" => sub {
        $world->walk_for(0.7);
        $_->come for grep { $_->{phase} eq 'off' } $world->walkers;
        wait_until 'everybody is in', sub { !grep { $_->{phase} ne 'in' } $world->walkers };
        delete @$_{qw(bye not_before)} for $world->walkers;
        my $turn  = 0;
        my @w     = $world->walkers;
        my $talk  = Mojo::IOLoop->recurring(0.002 => sub {
            my $who = $w[$turn++ % @w];
            $who->do_it({type => 'message', room => 1, text => "talk $turn"});
        });
        my $acks = $world->acknowledged;
        wait_until 'they talk', sub { $world->acknowledged > $acks + 30 }, 20;
        $server->term;
        wait_until 'the server ends', sub { $server->exited }, 12;
        Mojo::IOLoop->remove($talk);
        is $server->{status}, 0, 'exit status 0';
        $server->sanitizer_clean;
        $world->notice_the_end;
        is scalar(grep { !$_->{bye} } @w), 0, 'everybody was told goodbye';
        is_deeply [$world->losses], [], 'all ' . $world->acknowledged . ' acknowledged changes are in the file';
        $server->launch;
        my $start = time;
        wait_until 'everybody is back', \&everybody_is_back, 20;
        cmp_ok time - $start, '<', limit(5), sprintf 'everybody is back within %.2f s', time - $start;
        $world->come_to_rest;
        my @complaints = $world->complaints;
        is_deeply [head 5, @complaints], [], 'nothing lost, told twice or out of order; everybody\'s state is the database\'s';
    };
}

diag "CHATTERBOX_SEED=$seed" unless Test::More->builder->is_passing;
$server->stop;
done_testing;
