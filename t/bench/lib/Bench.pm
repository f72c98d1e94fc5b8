package Bench;

# Bench -- what every group of t/bench/run uses: programs that are started and always ended, on cores of their own,
# and how much of the machine others took meanwhile.

use v5.36;

use Exporter qw(import);
use IO::Socket::IP;
use JSON::PP;
use POSIX ();
use Time::HiRes qw(time sleep);

our @EXPORT = qw(%opt spawn stop measure capture slurp spew fill wait_until free_port has cpu_of leaf
    in_peace median commas about);

# set by t/bench/run: root, build, folder, temp; rounds, seconds of one measure, cores
our %opt;

$ENV{PATH} .= ':/usr/sbin';    # where nginx is

my %pids;       # what runs
our @noise;     # [what, share of a core that others took] of each measure that was disturbed
our $measures = 0;
our $chatter;      # where programs say what they have to say to people

END { local $?; stop($_) for keys %pids }

# -- files and waiting --

sub slurp ($file) {
    open my $in, '<:utf8', $file or return q();
    local $/;
    return scalar readline($in) // q();
}

sub spew ($file, $text) { open my $out, '>:utf8', $file or die "$file: $!"; print $out $text; close $out }

# a template with @name@ filled in
sub fill ($file, %value) { return slurp($file) =~ s/\@(\w+)\@/$value{$1} \/\/ die "$file: \@$1\@"/ger }

# waits until `$holds->()` is true and returns that
sub wait_until ($what, $holds, $seconds = 20) {
    for (my $end = time + $seconds; time < $end; sleep 0.02) {
        my $value = $holds->();
        return $value if $value;
    }
    die "$what: not within $seconds s\n";
}

# for the programs that cannot take one themselves
sub free_port {
    my $free = IO::Socket::IP->new(Listen => 1, LocalHost => '127.0.0.1', LocalPort => 0) or die "no port: $@";
    return $free->sockport;
}

sub has ($program) { return scalar grep { -x "$_/$program" } split /:/, $ENV{PATH} }

# -- programs --

# the server has core 0 to itself, and who asks it core 1, where there are two
sub pinned ($core, @command) {
    return $opt{cores} > 1 && defined $core && has('taskset') ? ('taskset', '-c', $core, @command) : @command;
}

# starts a server on core 0 (`core => undef`: on any), with as many descriptors as it may have
sub spawn ($log, $more, @command) {
    my $core = exists $more->{core} ? $more->{core} : 0;
    my $pid  = fork // die "fork: $!";
    if (!$pid) {
        my $env = $more->{env} // {};
        @ENV{keys %$env} = values %$env;
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        exec('sh', '-c', 'ulimit -n $(ulimit -Hn); exec "$@"', 'sh', pinned($core, @command)) or POSIX::_exit(127);
    }
    $pids{$pid} = 1;
    return $pid;
}

sub stop ($pid) {
    return unless delete $pids{$pid};
    kill TERM => $pid;
    my $end = time + 15;
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        kill KILL => $pid if time > $end;
        sleep 0.01;
    }
}

# runs a program on core 1; what it prints
sub capture ($env, @command) {
    local %ENV = (%ENV, %$env);
    local $SIG{ALRM} = sub { die "@command: has not ended\n" };
    my $pid = open(my $in, '-|') // die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', $chatter if $chatter;
        exec(pinned(1, @command)) or POSIX::_exit(127);
    }
    local $pids{$pid} = 1;
    alarm 180;
    my $out = do { local $/; readline $in } // q();
    alarm 0;
    close $in or warn "@command: exit status @{[$? >> 8]}\n";
    return $out;
}

# the same for a bench program, whose line for people goes to stderr; its JSON
sub measure ($env, @command) {
    my $out = capture($env, @command);
    return $out =~ /^\{/ ? decode_json($out) : die "@command: no answer\n";
}

# -- CPU --

sub children ($pid) { return split ' ', slurp("/proc/$pid/task/$pid/children") }

# of a server with a master: the worker
sub leaf ($pid) { return (children($pid))[0] // $pid }

# seconds a process has worked, with what it has waited for
sub cpu_of ($pid) {
    my @field = split ' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr or return 0;
    state $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());
    my $sum = 0;
    $sum += $field[$_] // 0 for 11 .. 14;
    return $sum / $tick;
}

sub cpu_of_all ($pid) {
    my $sum = cpu_of($pid);
    $sum += cpu_of_all($_) for children($pid);
    return $sum;
}

# what the whole machine has worked, and what was stolen from it; interrupts are nobody's
sub cpu_of_machine {
    my ($user, $nice, $system, $steal) = (split ' ', (slurp('/proc/stat') =~ /^cpu +(.*)/)[0])[0, 1, 2, 7];
    return ($user + $nice + $system + ($steal // 0)) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# runs `$do`, and notes when others took more of the machine meanwhile than a measure can bear
sub in_peace ($what, $do) {
    my $bearable = 0.05;                                             # of one core
    print STDERR "  $what";
    my ($from, $machine, $own) = (time, cpu_of_machine(), cpu_of_all($$));
    my $result = eval { $do->() };
    my $why    = $@;
    my $others = (cpu_of_machine() - $machine - cpu_of_all($$) + $own) / (time - $from);
    ++$measures;
    push @noise, [$what, $others] if $others > $bearable;
    say STDERR $others > $bearable ? sprintf ' (WARNING: others took %.0f %% of a core)', 100 * $others : '';
    die $why unless defined $result;
    return $result;
}

# -- numbers --

# of what was measured at all
sub median (@values) {
    @values = sort { $a <=> $b } grep {defined} @values;
    return @values ? $values[$#values / 2] : undef;
}

sub commas ($n) {
    return '-' unless defined $n;
    my $text = sprintf '%.0f', $n;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}

# with so many digits behind the point, where the number is not so large that nobody wants them
sub about ($n, $digits = 2) {
    return '-' unless defined $n;
    return $n >= 1000 ? commas($n) : sprintf "%.${digits}f", $n;
}

1;
