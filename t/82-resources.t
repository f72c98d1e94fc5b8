# What a machine runs out of: descriptors, threads, connections, memory. New ones are refused, and the old ones live on.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use File::Temp;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

sub descriptors ($server) { scalar(() = glob '/proc/' . $server->pid . '/fd/*') }

sub limit_files ($server, $soft) { system('prlimit', '--pid', $server->pid, "--nofile=$soft:") == 0 or die 'prlimit' }

sub knock ($server) { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Timeout => limit(5)) }

# is this connection closed, without a word, within `$seconds`?
sub is_refused ($socket, $seconds) {
    return 1 unless $socket;
    return IO::Select->new($socket)->can_read($seconds) && !sysread $socket, my $byte, 1;
}

story 'no descriptors are left' => sub {
    my $server = Chatterbox->start;
    my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);
    $server->get('/readyz');    # our own connection for requests is open
    limit_files($server, descriptors($server) + 8);
    my @crowd = map { knock($server) } 1 .. 40;
    wait_until 'the log says so', sub { $server->log =~ /event=accept-paused why="Too many open files"/ };
    my @slow;
    for (1 .. 50) {
        my $start = time;
        $ada->ack($ada->say("$_ in a crowd"));
        $bob->reaches($ada->rev);
        push @slow, time - $start if time - $start > limit(0.5);
    }
    is scalar @slow, 0, 'who is there talks on, and at once';
    ok $ada->history && $server->get('/readyz')->code == 200, '... and reads, and it is ready';
    my $cpu = cpu_of($server);
    my $start = time;
    wait_until 'a moment has gone', sub { time - $start > 1 };
    ok cpu_of($server) - $cpu < 50, 'who waits at the door costs no processor: ' . (cpu_of($server) - $cpu) . ' %';
    ok((() = $server->log =~ /accept-paused/g) < 50, 'the log is no flood');
    close $_ for grep {$_} @crowd;
    my $new;
    ok eval { $new = $server->connect('new') }, 'when the crowd has gone, somebody new comes in' or diag $@;
    $ada->ack($ada->say('welcome'));
    $_->reaches($ada->rev) for $bob, $new;
    is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for $ada, $bob;
    $server->stop;
};

# clock ticks, which are hundredths of a second
sub cpu_of ($server) {
    my @fields = split ' ', (Chatterbox::slurp('/proc/' . $server->pid . '/stat') =~ /\) (.*)/s)[0];
    return $fields[11] + $fields[12];
}

story 'more connections than it takes' => sub {
    my $server = Chatterbox->start('max-connections' => 6);
    my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);
    my @crowd = map { knock($server) } 1 .. 30;
    my @in;
    wait_until 'all but four are refused', sub { (@in = grep { !is_refused($_, 0) } @crowd) <= 4 };
    ok @in > 0, scalar(@in) . ' of thirty more are in';
    $ada->ack($ada->say("$_ beside them")) for 1 .. 20;
    $bob->reaches($ada->rev);
    is_deeply $bob->transcript, $server->transcript, 'who is there talks on';
    close $_ for @crowd;
    ok eval { wait_until 'a place is free', sub { eval { $server->guest('new') } } ; 1 }, '... and somebody else gets a place that is free';
    $server->stop;
};

story 'no threads are left' => sub {
    my $needed = 2 + 1 + 4;    # workers, the pool's own, the pool's
    my $server = Chatterbox->start('num-threads' => 2, -preload => [threads => (CHATTERBOX_THREADS => $needed)]);
    my $ada    = $server->account('ada')->join;
    ok $ada->ack($ada->say('hi')) && @{$ada->history} == 1, "with $needed threads it does all there is to do";
    $server->stop;
    my %wrong;
    for my $max (0 .. $needed - 1) {
        my ($status, $said) = start_with($server, $max);
        $wrong{$max} = "$status: $said" if $status ne '1' || $said !~ /num-threads, cannot start 2 threads/ || $said =~ /\n./;
    }
    is_deeply \%wrong, {}, 'with fewer it does not start, and says why in a line';
};

# the exit status (128 + signal) and what it says, when it gets so many threads
sub start_with ($server, $max) {
    my $out = File::Temp->new;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        @ENV{qw(LD_PRELOAD CHATTERBOX_THREADS)} = (Chatterbox::fault('threads'), $max);
        $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0:detect_leaks=0';
        open STDERR, '>&', $out;
        exec Chatterbox->binary, '-c', $server->config_file;
    }
    my $end;
    wait_until 'it ends, or is ready', sub { ($end = waitpid $pid, POSIX::WNOHANG) || Chatterbox::slurp("$out") =~ /^ready$/m };
    my $status = $end ? ($? & 127 ? 128 + ($? & 127) : $? >> 8) : 'ready';
    kill KILL => $pid unless $end;
    waitpid $pid, 0 unless $end;
    return ($status, Chatterbox::slurp("$out"));
}

done_testing;
