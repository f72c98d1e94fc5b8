# kill -9 at every point of a write: the program, built with -DFAULTS=ON, kills itself at a passing that is drawn, again and
# again, under load. Nothing acknowledged is missing, nothing is doubled or out of order, and everybody's state is the
# database's once they are back. A round or two at each point; 50 with CHATTERBOX_LONG=1, and then with a table.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::World;
use List::Util qw(head);

plan skip_all => 'this program has no fault points (cmake -DFAULTS=ON)' if qx{${\ Chatterbox->binary} -v} !~ /with fault points/;

my $seed = $ENV{CHATTERBOX_SEED} // int rand 1e6;
note "CHATTERBOX_SEED=$seed";
srand $seed;

my $long     = $ENV{CHATTERBOX_LONG};
my %passings = (    # at most, so that a round is short: statements come by the dozen, acks by the connection
    'before-begin'       => 30,
    'between-statements' => 120,
    'before-commit'      => 30,
    'after-commit'       => 30,
    'before-mail'        => 100,
    'before-ack'         => 100
);

my $server = Chatterbox->start('num-threads' => 2);
my $rounds = $long ? 50 : $server->sanitized ? 1 : 3;
my $world  = Chatterbox::World->new($server, people => 8, seed => $seed);
$world->walk_for(0.3);
$world->come_to_rest;
my $at_first = $world->acknowledged;

sub die_at ($fault) {
    $server->kill9;
    $world->notice_the_end;
    local $ENV{CHATTERBOX_FAULT} = $fault;
    $server->launch;
    $world->walk_until("it dies at $fault", sub { $server->exited }, 30);
    $world->notice_the_end;
    $world->step for $world->walkers;    # who wants to, writes on
    return $server->{status} & 127;
}

for my $point (sort keys %passings) {
    story "$rounds deaths $point" => sub {
        my ($before, $said, @complaints) = ($world->acknowledged, $world->said);
        my $unsure = 0;
        for my $round (1 .. $rounds) {
            my $fault = "$point:" . (1 + int rand $passings{$point});
            is die_at($fault), 9, "$fault kills it" or last;
            $unsure += @{$_->{outbox}} for $world->walkers;
            push @complaints, map {"$fault: $_"} $world->losses;    # before anybody says anything again
            $server->launch;
            $world->come_to_rest;
            push @complaints, map {"$fault: $_"} $world->complaints;
        }
        is_deeply [head 5, @complaints], [], 'nothing lost, doubled or out of order, and everybody\'s state is the database\'s';
        diag sprintf '%-20s %3d deaths, %5d acknowledged, %4d unsure and said again, %d messages more: %d complaints', $point, $rounds,
            $world->acknowledged - $before, $unsure, $world->said - $said, scalar @complaints
            if $long;
    };
}

cmp_ok $world->acknowledged, '>', $at_first, $world->acknowledged - $at_first . ' changes were acknowledged meanwhile';
is_deeply [$world->http_complaints], [], 'the history over HTTP is the same';
is $server->db->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is sound';
diag "CHATTERBOX_SEED=$seed" unless Test::More->builder->is_passing;
$server->stop;
done_testing;
