# Restart without a gap: sockets that somebody else opened and keeps (Server::Starter, systemd), a new server that waits for
# the database while the old one ends, and nobody who connects meanwhile is turned away.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::World;
use List::Util qw(head);
use Fcntl qw(F_SETFD);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(time);

my $seed = $ENV{CHATTERBOX_SEED} // int rand 1e6;
note "CHATTERBOX_SEED=$seed";

# a socket as a starter opens it, which our children get
sub opened ($socket) {
    fcntl $socket, F_SETFD, 0 or die "fcntl: $!";
    return $socket;
}
sub tcp { opened(IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 128) // die "listen: $!") }

sub server_on ($socket, %more) {
    my $port = $socket->sockport;
    local $ENV{SERVER_STARTER_PORT} = "127.0.0.1:$port=" . fileno $socket;
    return Chatterbox->start(-listen => [{host => '127.0.0.1', port => $port}], %more);
}

# somebody who connects anew again and again, and asks whether the server is there
sub knock ($server) {
    my %seen = (asked => 0, answered => 0, wrong => [], slowest => 0);
    my $url  = $server->url . '/healthz';
    my %open;
    $seen{timer} = Mojo::IOLoop->recurring(
        0.01 => sub {
            my $ua    = Chatterbox::user_agent();
            my $start = time;
            $open{$ua} = $ua;
            $seen{asked}++;
            $ua->get($url => {Connection => 'close'} => sub ($ua, $tx) {
                delete $open{$ua};
                $seen{answered}++;
                $seen{slowest} = time - $start if time - $start > $seen{slowest};
                push @{$seen{wrong}}, $tx->res->code // $tx->error->{message} if ($tx->res->code // 0) != 200;
            });
        }
    );
    return \%seen;
}

story 'one server after the other, as Server::Starter does it' => sub {
    my $socket = tcp();
    my $old    = server_on($socket, 'num-threads' => 2);
    my $pids   = "$old->{dir}/pid";
    $old->{given}{'pid-file'} = $pids;
    my $world  = Chatterbox::World->new($old, people => 8, seed => $seed);
    my $knocks = knock($old);
    local $ENV{SERVER_STARTER_PORT} = '127.0.0.1:' . $socket->sockport . '=' . fileno $socket;
    for my $round (1 .. ($ENV{CHATTERBOX_LONG} ? 50 : 2)) {
        $world->walk_for(0.4);
        my $next = $old->successor;
        $world->walk_until('the new one waits', sub { $next->log =~ /waiting-for-database/ }, 20);
        unlike $next->log, qr/^ready$/m, 'the new one waits while the old one has the database';
        is Chatterbox::slurp($pids), $old->pid . "\n", 'the pid file is still the old one\'s' if $round > 1;
        $old->term;
        my $start = time;
        $_->{server} = $next for $world, $world->walkers;
        $world->walk_until('the new one is ready', sub { $next->log =~ /^ready$/m }, 20);
        note sprintf 'the new one is ready after %.3f s', time - $start;
        like $next->log, qr/event=database-let-go.*event=started/s, '... after the old one has let go of it';
        $world->walk_until('the old one ends', sub { $old->exited }, 12);
        is $old->{status}, 0, 'the old one ends well';
        is Chatterbox::slurp($pids), $next->pid . "\n", 'the pid file is the new one\'s' if $round > 1;
        $old = $next;
    }
    Mojo::IOLoop->remove($knocks->{timer});
    wait_until 'every knock is answered', sub { $knocks->{asked} == $knocks->{answered} }, 20;
    is_deeply $knocks->{wrong}, [], "none of $knocks->{asked} connections failed";
    cmp_ok $knocks->{slowest}, '<', limit(3), sprintf '... and none waited longer than %.2f s', $knocks->{slowest};
    $world->come_to_rest;
    my @complaints = $world->complaints;
    is_deeply [head 5, @complaints], [], 'nothing lost, told twice or out of order; everybody\'s state is the database\'s';
    $old->stop;
};

story 'who connects while no server is there, is served by the next: systemd' => sub {
    my $socket = tcp();
    my $child  = sub { POSIX::dup2(fileno $socket, 3); @ENV{qw(LISTEN_FDS LISTEN_PID)} = (1, $$) };
    my $server = Chatterbox->start(-listen => [{host => '127.0.0.1', port => $socket->sockport}], -child => $child);
    my $url    = $server->url . '/healthz';
    is $server->get('/healthz')->code, 200, 'it serves';
    $server->stop;
    my $answer;
    my $ua = Chatterbox::user_agent();
    $ua->get_p($url)->then(sub ($tx) { $answer = $tx->res->code })->catch(sub ($why) { $answer = $why });
    $server->launch;
    wait_until 'an answer', sub { defined $answer };
    is $answer, 200, 'the queue is kept';
    $server->stop;
};

story 'a unix socket is left where it is' => sub {
    my $dir    = File::Temp->newdir;
    my $socket = opened(IO::Socket::UNIX->new(Local => "$dir/socket", Listen => 16) // die "listen: $!");
    local $ENV{SERVER_STARTER_PORT} = "$dir/socket=" . fileno $socket;
    my $server = Chatterbox->start(-listen => [{type => 'unix', port => "$dir/socket"}]);
    my $client = IO::Socket::UNIX->new(Peer => "$dir/socket") // die "connect: $!";
    print $client "GET /healthz HTTP/1.0\r\n\r\n";
    like scalar readline $client, qr/^HTTP\S+ 200 /, 'it answers';
    $server->stop;
    ok -S "$dir/socket", 'the file is the starter\'s';
};

story 'what does not fit costs one line' => sub {
    my ($mine, $other) = (tcp(), tcp());
    my $server = Chatterbox->start(-listen => [{host => '127.0.0.1', port => 0}]);
    $server->stop;
    my $said = sub ($port, $handed) {
        $server->{own}{-listen} = [{host => '127.0.0.1', port => $port}];
        $server->write_config;
        local $ENV{SERVER_STARTER_PORT} = $handed;
        my $text = qx{${\ Chatterbox->binary} -c ${\ $server->config_file} 2>&1};
        is $? >> 8, 1, "$handed: exit status 1";
        is scalar(split /\n/, $text), 1, '... one line';
        return $text;
    };
    my ($port, $fd) = ($mine->sockport, fileno $mine);
    like $said->($port, "$port=" . fileno $other), qr/127\.0\.0\.1:$port is not among the sockets/, 'a listen without a socket';
    like $said->($port, "$port=$fd;8=" . fileno $other), qr/no listen is for the socket/, 'a socket without a listen';
    like $said->($port, "$port=$_"), qr/no socket/, 'what is no socket' for '', '0x', 'x', "$fd ", 999;
};

diag "CHATTERBOX_SEED=$seed" unless Test::More->builder->is_passing;
done_testing;
