package Bench::Servers;

# Bench::Servers -- the servers that are measured: ours, the bare loops, and the peers, each on loopback and a free port.
#
# A server is {name, pid: whom to stop, measured: whose CPU and memory count, port, protocol}.

use v5.36;

use Bench;
use Exporter qw(import);
use File::Temp;
use IO::Socket::IP;

our @EXPORT = qw(server done available chatterbox h2o nginx);

# name => [start, what it needs to be there, what to say when it is not]
my %known = (
    'chatterbox'  => [sub { chatterbox() }],
    'floor each'  => [sub { floor('each') }],
    'floor turn'  => [sub { floor('turn') }],
    'floor uring' => [sub { floor('uring') }, \&has_uring, 'no io_uring in this build or kernel'],
    'ws'      => [\&ws,      sub { has('node') && -d "$opt{root}/deps/node_modules/ws" }, 'needs node, and (cd deps && npm ci)'],
    'nchan'   => [\&nchan,   \&nchan_module, 'apt-get install nginx-light libnginx-mod-nchan'],
    'fastapi' => [\&fastapi, \&has_fastapi,  'apt-get install python3-fastapi python3-uvicorn python3-websockets'],
    'h2o'     => [\&h2o,     sub { has('h2o') },   'apt-get install h2o'],
    'nginx'   => [\&nginx,   sub { has('nginx') }, 'apt-get install nginx-light'],
);

# of these, which are installed; one line for each that is not
sub available (@names) {
    state %there;
    for my $name (@names) {
        my (undef, $test, $advice) = $known{$name}->@*;
        next if defined $there{$name};
        $there{$name} = !$test || $test->() ? 1 : 0;
        warn "without $name: $advice\n" unless $there{$name};
    }
    return grep { $there{$_} } @names;
}

sub server ($name) {
    my $server = $known{$name}[0]->();
    return {name => $name, protocol => 'bare', measured => $server->{pid}, %$server};
}

sub done ($server) { stop($server->{pid}) }

# -- how they are started --

sub directory { state $n = 0; my $dir = "$opt{temp}/" . ++$n; mkdir $dir; return $dir }

# a program ended before it was ready
sub alive ($pid, $log) {
    waitpid($pid, POSIX::WNOHANG()) == 0 or die "ended at once: " . slurp($log);
}

# those that print their port
sub announced ($more, @command) {
    my $log  = directory() . '/log';
    my $pid  = spawn($log, $more, @command);
    my $port = wait_until "$command[0] (see $log)", sub { alive($pid, $log); (slurp($log) =~ /\b(\d+)$/m)[0] };
    return {pid => $pid, port => $port};
}

# those that are told theirs
sub told ($dir, $port, @command) {
    my $pid = spawn("$dir/log", {}, @command);
    wait_until $command[0], sub {
        alive($pid, "$dir/log");
        IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port);
    };
    return {pid => $pid, port => $port};
}

sub floor ($mode) { return announced({}, "$opt{build}/bench/floor", '-p', 0, '--mode', $mode) }
sub ws            { return announced({}, 'node', "$opt{root}/t/bench/peers/ws.js") }
sub fastapi       { return announced({}, '/usr/bin/python3', "$opt{root}/t/bench/peers/fastapi.py", directory() . '/chat.db') }

sub has_fastapi { return system('/usr/bin/python3 -c "import fastapi, uvicorn, websockets" 2>/dev/null') == 0 }

sub has_uring {
    my $floor = eval { floor('uring') } or return 0;
    done($floor);
    return 1;
}

sub nchan_module { return (grep {-f} glob '/usr/lib/nginx/modules/ngx_nchan_module.so /usr/lib64/nginx/modules/ngx_nchan_module.so')[0] }

sub descriptors { state $n = 0 + `sh -c 'ulimit -Hn'`; return $n }

sub with_nginx ($template, %value) {
    my ($dir, $port) = (directory(), free_port());
    spew "$dir/nginx.conf", fill("$opt{root}/t/bench/peers/$template", dir => $dir, port => $port, %value);
    my $server = told($dir, $port, 'nginx', '-p', $dir, '-e', "$dir/error.log", '-c', "$dir/nginx.conf");
    $server->{measured} = leaf($server->{pid});
    return $server;
}

sub nchan { return with_nginx('nchan.conf', module => nchan_module(), fds => descriptors() - 100) }
sub nginx { return with_nginx('nginx.conf', www => "$opt{temp}/www") }

# -- ours, and the distribution's H2O --

sub certificate {
    state $made = 0;
    my ($key, $cert) = ("$opt{temp}/key.pem", "$opt{temp}/cert.pem");
    $made ||= system(qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout),
        $key, '-out', $cert) == 0 || die "openssl: no certificate\n";
    return "{certificate-file: $cert, key-file: $key}";
}

sub user { return scalar getpwuid $> }

# as shipped, with everybody a guest and nobody limited; `tls`: another listener, `threads`: workers, `dir`: where
# its database lies (a new folder), `env` and `core` as spawn() takes them
sub chatterbox (%more) {
    my $dir = $more{dir} // directory();
    spew "$dir/conf.yaml", join "\n", 'listen:', '  - {host: 127.0.0.1, port: 0}',
        $more{tls} ? "  - {host: 127.0.0.1, port: 0, ssl: ${\certificate()}}" : (), <<"END";
num-threads: @{[$more{threads} // 1]}
user: @{[user()]}
chatterbox.database: $dir/chat.db
chatterbox.token-secret-file: $dir/secret
chatterbox.synchronous: FULL
chatterbox.rate: 0
chatterbox.logins-per-minute: 0
hosts:
  default:
    paths:
      "/": {file.dir: $opt{temp}/www}
      "/api": {chatterbox.api: ON}
      "/ws": {chatterbox.websocket: ON}
END
    unlink "$dir/log";    # of the last one in this folder
    my $pid = spawn("$dir/log", \%more, "$opt{build}/chatterbox", '-c', "$dir/conf.yaml");
    wait_until "chatterbox (see $dir/log)", sub { alive($pid, "$dir/log"); slurp("$dir/log") =~ /^ready$/m };
    my ($port) = slurp("$dir/log") =~ m{listening on http://127\.0\.0\.1:(\d+)};
    my ($tls)  = slurp("$dir/log") =~ m{listening on https://127\.0\.0\.1:(\d+)};
    return {name => 'chatterbox', protocol => 'chatterbox', pid => $pid, measured => $pid, port => $port, tls_port => $tls, dir => $dir};
}

# the same folder, plain and over TLS
sub h2o {
    my ($dir, $port, $tls) = (directory(), free_port(), free_port());
    spew "$dir/h2o.conf", <<"END";
listen: {host: 127.0.0.1, port: $port}
listen: {host: 127.0.0.1, port: $tls, ssl: @{[certificate()]}}
num-threads: 1
user: @{[user()]}
hosts: {default: {paths: {"/": {file.dir: $opt{temp}/www}}}}
END
    my $server = told($dir, $port, 'h2o', '-c', "$dir/h2o.conf");
    return {%$server, tls_port => $tls};
}

1;
