# How an operator runs it: what is installed and where, a unit with few rights, and a service manager that is told when the
# server is ready, reads its files again, and ends.
use v5.36;
use Test::More;
use Chatterbox;
use File::Basename qw(dirname);
use File::Temp;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);

my $root  = Chatterbox->root;
my $build = dirname(Chatterbox::binary());

story 'the unit leaves little to attack' => sub {
    plan skip_all => 'no systemd-analyze' unless grep { -x "$_/systemd-analyze" } split /:/, $ENV{PATH};
    my $text = qx(systemd-analyze security --offline=true $root/conf/chatterbox.service 2>&1);
    my ($level) = $text =~ /Overall exposure level for \S+: ([\d.]+)/;
    ok defined $level, 'it is understood' or diag $text;
    cmp_ok $level // 10, '<', 2, 'exposure';
};

story 'what is installed' => sub {
    plan skip_all => 'not in a build directory' unless -e "$build/cmake_install.cmake";
    my $to = File::Temp->newdir;
    local $ENV{DESTDIR} = "$to";
    my $said = qx(cmake --install $build 2>&1);
    is $?, 0, 'cmake --install' or diag $said;
    my ($bin) = $said =~ m{: \Q$to\E(/\S+/bin/chatterbox)$}m;
    my ($unit) = $said =~ m{: (\Q$to\E/\S+/lib/systemd/system/chatterbox\.service)$}m;
    ok $bin && -x "$to$bin", 'the program';
    like Chatterbox::slurp($unit // '/dev/null'), qr/^ExecStart=\Q$bin\E -c/m, 'the unit, with the path of the program' if $bin;
    like $said, qr{lib/systemd/system/chatterbox\.socket$}m, 'its sockets';
    like $said, qr{/chatterbox/$_\.yaml$}m, "$_.yaml" for qw(chatterbox production);
    like $said, qr{/chatterbox/htdocs/index\.html$}m, 'the page';
};

# the datagrams that a service manager gets
sub told ($socket) {
    my @all;
    while (defined $socket->recv(my $text, 256, Socket::MSG_DONTWAIT)) { push @all, $text }
    return @all;
}

my $dir = File::Temp->newdir;
for my $name ("$dir/notify", "\@chatterbox-test-$$") {
    story "a manager is told: $name" => sub {
        my $path = $name =~ s/^@/\0/r;
        socket my $raw, Socket::AF_UNIX, SOCK_DGRAM, 0 or die "socket: $!";
        # (what follows the name would be part of an abstract one, so the address is exactly as long as the name)
        bind $raw, pack('S', Socket::AF_UNIX) . $path or die "bind: $!";
        my $socket = IO::Socket::UNIX->new_from_fd($raw, 'r+');
        local $ENV{NOTIFY_SOCKET} = $name;
        my $server = Chatterbox->start;
        my @heard;
        my $hear = sub ($what) {
            wait_until $what, sub { push @heard, told($socket); grep { $_ eq $what } @heard };
        };
        $hear->('READY=1');
        kill HUP => $server->pid;
        $hear->('RELOADING=1');
        wait_until 'ready again', sub { push @heard, told($socket); @heard >= 3 };
        $server->term;
        $hear->('STOPPING=1');
        is_deeply \@heard, [qw(READY=1 RELOADING=1 READY=1 STOPPING=1)], 'each once, in order';
        $server->stop;
    };
}

story 'a manager that does not listen holds nobody up' => sub {
    local $ENV{NOTIFY_SOCKET} = "$dir/nobody";
    my $server = Chatterbox->start;
    is $server->get('/healthz')->code, 200, 'it serves';
    like $server->log, qr/event=not-notified/, '... and says so';
    $server->stop;
};
done_testing;
