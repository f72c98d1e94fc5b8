# What thousands of idle connections cost, and that their memory comes back when they go. (t/bench/run idle measures what each
# of 18,000 costs; here a limit with room to spare tells when somebody has made them dear.)
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;

use constant CROWD => 4000;

my $server = Chatterbox->start('chatterbox.rate' => 0, 'num-threads' => 1);
plan skip_all => 'a sanitizer keeps what is freed' if $server->sanitized;

my $ada = $server->guest('ada');

sub anonymous () { (Chatterbox::slurp("/proc/@{[$server->pid]}/smaps_rollup") =~ /^Anonymous:\s+(\d+) kB/m)[0] }

sub crowd ($size) {
    return [map { Chatterbox::Raw->join($server, $ada) } 1 .. $size];
}

crowd(100);    # what is made once is made
wait_until 'the first are gone', sub { $server->get('/metrics')->body =~ /^chatterbox_sessions 0$/m };

my $before = anonymous();
my $crowd  = crowd(CROWD);
my $grown  = anonymous() - $before;
my $each   = $grown * 1024 / CROWD;
note sprintf '%.0f bytes each', $each;
cmp_ok $each, '<', 1000, 'an idle connection costs less than 1 kB, as all are the same user';

undef $crowd;
my $left;
wait_until 'the memory comes back', sub { ($left = anonymous() - $before) < $grown / 2 }, 20;
pass sprintf 'of %d kB that a crowd took, %d are left when it has gone', $grown, $left;

# What the core knows of people goes some seconds after they do.
if ($ENV{CHATTERBOX_LONG}) {
    my @people = map { $server->guest("one of many $_" =~ s/ /-/gr) } 1 .. 2000;
    $before = anonymous();
    $crowd  = [map { Chatterbox::Raw->join($server, $_) } @people];
    $grown  = anonymous() - $before;
    undef $crowd;
    wait_until 'the memory comes back', sub { ($left = anonymous() - $before) < $grown / 4 }, 40;
    pass sprintf 'of %d kB that a crowd of different people took, %d are left', $grown, $left;
}

$server->stop;
done_testing;
