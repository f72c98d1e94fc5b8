# The configuration: what is wrong costs one line with file and line, status 1, and changes nothing; what is right is
# served. And the list of directives in conf/README.md is that of the code.

use v5.36;
use Cwd qw(abs_path getcwd);
use File::Basename qw(dirname);
use File::Find;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time);

my $root = abs_path(dirname(__FILE__) . '/..');
my $bin  = abs_path($ENV{CHATTERBOX_BIN} // "$root/build/chatterbox");
my $slow = $ENV{CHATTERBOX_SLOW} || 1;
my $dir  = tempdir(CLEANUP => 1);
chdir $dir or die;
END { chdir '/' }

sub write_file ($name, $text) {
    open my $out, '>', $name or die "$name: $!";
    print $out $text;
    close $out;
}

sub slurp ($name) {
    open my $in, '<', $name or return '';
    local $/;
    return readline($in) // '';
}

# status, stdout, stderr; a program that is still there after a while is killed
sub run (@args) {
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>', "$dir.$$.out" or POSIX::_exit(99);
        open STDERR, '>', "$dir.$$.err" or POSIX::_exit(99);
        exec $bin, @args or POSIX::_exit(127);
    }
    my $deadline = time + 20 * $slow;
    my $done;
    until ($done = waitpid $pid, WNOHANG) {
        kill KILL => $pid if time > $deadline;
        select undef, undef, undef, 0.005;
    }
    my ($status, @texts) = ($?, map { slurp("$dir.$pid.$_") } qw(out err));
    unlink map {"$dir.$pid.$_"} qw(out err);
    return ($status >> 8 || $status, @texts);
}

# every file and what is in it
sub snapshot () {
    my %files;
    find({no_chdir => 1, wanted => sub { $files{$_} = -f $_ ? (stat _)[2] . slurp($_) : 'no file' }}, $dir);
    return \%files;
}

my @rest = (
    'chatterbox.token-secret-file: secret',
    'chatterbox.database: chat.db',
    'hosts: {default: {paths: {"/healthz": {chatterbox.health: ON}}}}',
);

# a configuration is wrong: `$line` is the number of the line that says so
sub refused ($what, $config, $line, $words, %options) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    write_file('bad.yaml', $config);
    my $before = snapshot();
    for my $args ($options{only_serving} ? [] : ['-t'], []) {
        my ($status, $out, $err) = run('-c', 'bad.yaml', @$args);
        my @lines = split /\n/, $err;
        is $status, 1, "$what: status 1" or diag $err;
        is scalar @lines, 1, '... one line' or diag $err;
        like $err, qr/^\[bad\.yaml:$line\] .*$words/, '... with file, line and what would have been right';
    }
    is_deeply snapshot(), $before, '... and nothing was made or changed';
}

# one line more than what is right: that is line 1, or in the place of a line of the rest
sub refused_line ($line, $words, %options) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($name) = $line =~ /^([\w.-]+)/;
    my @others = grep { index($_, "$name:") != 0 } @rest;
    @others = grep { !/token-secret/ } @others if $line =~ /token-secret/;
    unshift @others, 'listen: {host: 127.0.0.1, port: 0}' unless $line =~ /^listen/;
    refused($line, join("\n", $line, @others, ''), 1, $words, %options);
}

subtest 'arguments' => sub {
    my ($status, $out, $err) = run('-v');
    is $status, 0, '-v';
    like $out, qr/^chatterbox \d+\.\d+\.\d+(?: \(with fault points\))?$/, '... prints the version';
    ($status, $out, $err) = run('-h');
    is $status, 0, '-h';
    like $out, qr/^usage: chatterbox -c FILE/, '... prints the usage';
    for my $args ([], ['-x'], ['-c'], ['-t'], ['-c', 'a', 'b']) {
        ($status, $out, $err) = run(@$args);
        is $status, 2, "(@$args): status 2";
        like $err, qr/usage: chatterbox/, '... and the usage';
    }
};

subtest 'files that are no configuration' => sub {
    my ($status, $out, $err) = run('-c', 'nowhere.yaml');
    is $status, 1, 'no file: status 1';
    is $err, "[nowhere.yaml:1] cannot read the file nowhere.yaml: No such file or directory\n", '... one line';
    refused('nothing in it', '', 1, 'a configuration is a mapping');
    refused('a sequence', "- a\n", 1, 'a configuration is a mapping');
    refused('not YAML', "a: [1\nb: 2\n", 2, '');
    refused('a key twice', "listen: 0\nuser: a\nuser: b\n", 3, 'the key user is there already, on line 2; keep one');
    refused('no listen', join("\n", @rest, ''), 1, 'add listen');
    refused('no hosts', "listen: 0\n$rest[0]\n$rest[1]\n", 1, '`hosts` is missing');
    refused('no secret', "listen: 0\n$rest[2]\n", 1, 'add `chatterbox.token-secret-file: var/secret`');
};

subtest 'names and types' => sub {
    refused_line('lisen: 1', 'unknown command: lisen; did you mean listen\?');
    refused_line('chatterbox.guest: ON', 'did you mean chatterbox.guests\?');
    refused('below paths', "listen: 0\n$rest[0]\nhosts:\n  default:\n    paths:\n      /:\n        chaterbox.api: ON\n",
        7, 'did you mean chatterbox.api\?');
    refused('at the wrong level', "listen: 0\n$rest[0]\nhosts:\n  default:\n    chatterbox.rate: 1\n    paths: {}\n", 5,
        'cannot be used at this level');
    refused_line('num-threads: [1]', 'cannot be a sequence');
    refused_line('chatterbox.database: {a: b}', 'cannot be a mapping');
};

subtest 'values' => sub {
    refused_line("num-threads: $_", 'a whole number from 1 to 256') for qw(0 257 -1 1x 1.5 99999999999999999999), '""';
    refused_line('max-connections: 0',             'a whole number from 1 to 10000000');
    refused_line('tcp-fastopen: 65536',            'a whole number from 0 to 65535');
    refused_line('limit-request-body: 33554432',   'a whole number from 0 to 16777216');
    refused_line('user: nobody-has-this-name',     'there is no user nobody-has-this-name');
    refused_line('pid-file: nowhere/pid',          'cannot make the file nowhere/pid');
    refused_line('error-log: nowhere/log',         'cannot make the file nowhere/log');
    refused_line('access-log: nowhere/log',        'cannot make the file nowhere/log');
    refused_line('error-log: /',                   'it is a directory');
    refused_line('chatterbox.token-secret: short', 'must be 32 bytes at least');
    refused_line('chatterbox.token-lifetime: 0',   'a whole number from 1 to 315360000');
    refused_line('chatterbox.guests: maybe',       'must be ON or OFF');
    refused_line('chatterbox.registration: 1',     'must be ON or OFF');
    refused_line('chatterbox.synchronous: OFF',    'must be FULL or NORMAL');
    refused_line('chatterbox.message-limit: 0',    'a whole number from 1 to 1048576');
    refused_line("chatterbox.rate: $_",            'a number from 0 to 1000000') for qw(-1 x 1e3 0x1 1000001 nan);
    refused_line('chatterbox.outbound-limit: 1',   'a whole number from 4096 to');
    refused_line('chatterbox.hello-timeout: 0',    'a whole number from 1 to 3600');
    refused_line('chatterbox.ping-interval: 3601', 'a whole number from 1 to 3600');
    refused_line('chatterbox.write-timeout: 0',    'a whole number from 1 to 3600');
    refused_line("$_: 5x", 'a whole number from 0 to')
        for qw(limit-request-body max-delegations handshake-timeout http1-request-timeout http2-idle-timeout
        http2-graceful-shutdown-timeout http2-max-concurrent-requests-per-connection compress-minimum-size proxy.timeout.io);
    refused('below paths, too', "listen: 0\n$rest[0]\nhosts:\n  default:\n    paths:\n      /:\n        proxy.timeout.io: 1 s\n", 7, 'whole number');
    refused_line('http1-request-timeout: 86401',   'a whole number from 0 to 86400');
    refused_line('access-log: {path: log, format: "%{x"}', '.');
    refused_line('chatterbox.logins-per-minute: -1', 'a whole number from 0 to 1000000');
    refused_line("chatterbox.trusted-proxies: $_->[0]", $_->[1])
        for ['localhost', 'localhost must be an address, a network such as 10\.0\.0\.0/8 or fd00::/8, or unix'], ['[127.0.0.1, 10.0.0.0/33]', '10\.0\.0\.0/33 must have a length of 0 to 32'],
        ['"fd00::/129"', 'must have a length of 0 to 128'], ['10.0.0.1/8', '10\.0\.0\.1/8 has more in its address'], ['[[127.0.0.1]]', 'must be an address'], ['""', 'must be an address'],
        ['127.0.0.1:80', 'must be an address'];
    refused("a bad one of many", "listen: 0\nchatterbox.trusted-proxies:\n- 10.0.0.0/8\n- \"::1\"\n- 10.0.0.\n" . join("\n", @rest, ''), 5, '10\.0\.0\. must be');
    refused_line("chatterbox.allowed-origins: $_", 'such as https://chat.example.org')
        for qw([example.org] [https://a/b] [https://A] ftp://a [[]]);
    refused('both secrets', join("\n", 'listen: 0', 'chatterbox.token-secret: ' . 'x' x 32, @rest, ''),
        2, 'token-secret-file is there too; keep one');
};

subtest 'listen' => sub {
    refused_line("listen: $_", 'port must be a whole number from 0 to 65535') for qw(65536 -1 x 080000), '""';
    refused_line('listen: {host: 127.0.0.1}',           'port is missing');
    refused_line('listen: {port: 0, hots: a}',          'unknown property: hots');
    refused_line('listen: {port: 0, type: udp}',        'type must be tcp or unix');
    refused_line('listen: {port: 0, proxy-protocol: 1}', 'proxy-protocol must be ON or OFF');
    refused_line('listen: {port: 0, host: no.such.name.invalid}', 'host must be an address of this machine');
    refused_line('listen: {port: 0, host: 192.0.2.1}',  'cannot listen on 192.0.2.1', only_serving => 1);
    refused_line('listen: {port: 0, owner: root}',      'for unix sockets');
    refused_line('listen: {port: s, type: unix, permission: 888}', 'an octal number');
    refused_line('listen: {port: s, type: unix, owner: nobody-has-this-name}', 'no such user');
    write_file('plain', 'no socket');
    refused_line('listen: {port: plain, type: unix}',   'is there already and is no socket', only_serving => 1);
    my $other = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die;
    refused_line('listen: {host: 127.0.0.1, port: ' . $other->sockport . '}', 'Address already in use; stop who does',
        only_serving => 1);
    my $unix = IO::Socket::UNIX->new(Local => 'taken', Listen => 1) or die;
    refused_line('listen: {port: taken, type: unix}', 'another program listens on taken', only_serving => 1);
    unlink 'taken', 'plain';
};

subtest 'certificates' => sub {
    my @new = qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost);
    is system("@new -keyout $_.key -out $_.pem 2>/dev/null"), 0, "a certificate $_" for qw(one two);
    write_file('junk', "junk\n");
    my $tls = sub ($ssl) {"listen: {host: 127.0.0.1, port: 0, ssl: {$ssl}}"};
    refused_line($tls->('key-file: one.key'),                             'certificate-file is missing');
    refused_line($tls->('certificate-file: one.pem'),                     'key-file is missing');
    refused_line($tls->('certificate-file: none.pem, key-file: one.key'), 'cannot read a certificate \(PEM\) from none.pem');
    refused_line($tls->('certificate-file: junk, key-file: one.key'),     'cannot read a certificate \(PEM\) from junk');
    refused_line($tls->('certificate-file: one.pem, key-file: none.key'), 'cannot read a private key .* from none.key');
    refused_line($tls->('certificate-file: one.pem, key-file: junk'),     'cannot read a private key .* from junk');
    refused_line($tls->('certificate-file: one.pem, key-file: two.key'),
        'the key in two.key does not fit the certificate in one.pem');
    my %more = (
        'minimum-version: TLSv1.1'                           => 'say TLSv1.2 or TLSv1.3',
        'minimum-version: TLS12'                             => 'must be TLSv1.2 or TLSv1.3',
        'minimum-version: TLSv1.3, maximum-version: TLSv1.2' => 'is above maximum-version',
        'cipher-suite: NONE-SUCH'                            => 'OpenSSL knows no cipher in this list',
        'cipher-preference: mine'                            => 'must be client or server',
        'neverbleed: ON'                                     => 'neverbleed is not supported',
        'dh-file: dh.pem'                                    => 'DH parameters are not supported',
        'ocsp-update-interval: 60'                           => 'name the response by ocsp-file',
        'cert: x'                                            => 'unknown property: cert',
    );
    refused_line($tls->("certificate-file: one.pem, key-file: one.key, $_"), $more{$_}) for sort keys %more;
    unlink map { ("$_.key", "$_.pem") } qw(one two);
    unlink 'junk';
};

subtest 'what is kept on disk' => sub {
    write_file('text', "no database\n" x 100);
    refused_line('chatterbox.database: text',            'text');
    refused_line('chatterbox.database: nowhere/chat.db', 'nowhere');
    unlink 'text';
    write_file('key', "short\n");
    chmod 0600, 'key';
    refused_line('chatterbox.token-secret-file: key', 'must hold 32 to 4096 bytes');
    write_file('key', 'x' x 64);
    chmod 0644, 'key';
    refused_line('chatterbox.token-secret-file: key', 'is open to everybody; chmod 600 key');
    refused_line('chatterbox.token-secret-file: nowhere/key', 'cannot make the file nowhere/key');
    unlink 'key';
};

# -- what is right --

# starts a server, gives its pid and what it said
my @pids;
END { kill KILL => @pids if @pids }

sub start_server ($config, $log = 'log') {
    write_file('good.yaml', $config);
    unlink $log;
    my $pid = fork // die;
    if (!$pid) {
        open STDERR, '>', $log or POSIX::_exit(99);
        exec $bin, '-c', 'good.yaml' or POSIX::_exit(127);
    }
    push @pids, $pid;
    my $deadline = time + 20 * $slow;
    until (slurp($log) =~ /^ready$/m) {
        die 'the server did not start: ' . slurp($log) if time > $deadline || waitpid($pid, WNOHANG);
        select undef, undef, undef, 0.005;
    }
    return ($pid, slurp($log));
}

sub stop_server ($pid) {
    kill TERM => $pid;
    my $deadline = time + 10 * $slow;
    while (!waitpid $pid, WNOHANG) {
        kill KILL => $pid if time > $deadline;
        select undef, undef, undef, 0.005;
    }
    @pids = grep { $_ != $pid } @pids;
    is $?, 0, 'the server ends with status 0';
}

sub get ($socket, $path) {
    print $socket "GET $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    local $/;
    return readline($socket) // '';
}

subtest 'a check makes nothing' => sub {
    write_file('good.yaml', join "\n", 'listen: {host: 127.0.0.1, port: 0}', 'access-log: access', 'error-log: errors',
        'pid-file: pid', 'listen: {type: unix, port: sock}', @rest, '');
    my $before = snapshot();
    my ($status, $out, $err) = run('-c', 'good.yaml', '-t');
    is $status, 0, '-t: status 0' or diag $err;
    is $out, "configuration OK\n", '... says so';
    is $err, '', '... and nothing else';
    is_deeply snapshot(), $before, '... and nothing was made';
};

subtest 'a start makes what is missing' => sub {
    my ($pid, $log) = start_server(join "\n", 'listen: {host: 127.0.0.1, port: 0}', 'access-log: access', 'pid-file: pid',
        'error-log: errors', 'listen: {type: unix, port: sock, permission: 600}', @rest, '');
    my ($port) = $log =~ m{^listening on http://127\.0\.0\.1:(\d+)$}m;
    ok $port, 'it says where it listens';
    like $log, qr/^listening on unix:sock$/m, '... on the unix socket too';
    is slurp('pid'), "$pid\n", 'the pid file';
    like slurp('secret'), qr/\A[0-9a-f]{64}\n\z/, 'the secret is 64 hex digits';
    is sprintf('%o', (stat 'secret')[2] & 07777), '600', '... with mode 0600';
    is sprintf('%o', (stat 'sock')[2] & 07777),   '600', 'the socket has its permission';
    ok -s 'chat.db', 'the database';
    like get(IO::Socket::INET->new("127.0.0.1:$port"), '/healthz'), qr/^HTTP\/1\.1 200 /, 'the port answers';
    like get(IO::Socket::UNIX->new('sock'), '/healthz'), qr/^HTTP\/1\.1 200 /, 'the unix socket answers';
    like slurp('errors'), qr/event=started/, 'the error log has lines';

    rename 'access', 'access.old';
    rename 'errors', 'errors.old';
    kill HUP => $pid;
    my $deadline = time + 10 * $slow;
    select undef, undef, undef, 0.005 until slurp('errors') =~ /event=logs-reopened/ || time > $deadline;
    like slurp('errors'), qr/event=logs-reopened/, 'after SIGHUP the error log is a new file';
    get(IO::Socket::INET->new("127.0.0.1:$port"), '/healthz');
    select undef, undef, undef, 0.005 until slurp('access') =~ /healthz/ || time > $deadline;
    like slurp('access'), qr{GET /healthz}, '... and so is the access log';

    my $secret = slurp('secret');
    stop_server($pid);
    ok !-e 'pid',  'the pid file is gone';
    ok !-e 'sock', 'the socket is gone';
    ($pid) = start_server(join "\n", 'listen: {host: 127.0.0.1, port: 0}', @rest, '');
    is slurp('secret'), $secret, 'a second start keeps the secret';
    stop_server($pid);
    unlink glob '*';
};

subtest 'a stale socket file is no obstacle' => sub {
    my $unix = IO::Socket::UNIX->new(Local => 'sock', Listen => 1) or die;
    undef $unix;
    ok -S 'sock', 'somebody left one behind';
    my ($pid) = start_server(join "\n", 'listen: {type: unix, port: sock}', @rest, '');
    like get(IO::Socket::UNIX->new('sock'), '/healthz'), qr/^HTTP\/1\.1 200 /, 'it answers';
    stop_server($pid);
    unlink glob '*';
};

subtest 'hosts that listen for themselves' => sub {
    my ($pid, $log) = start_server(<<~'END');
        chatterbox.token-secret-file: secret
        chatterbox.database: ":memory:"
        hosts:
          a.test:
            listen: {host: 127.0.0.1, port: 0}
            paths: {"/healthz": {chatterbox.health: ON}}
          b.test:
            listen: {type: unix, port: sock}
            paths: {"/readyz": {chatterbox.ready: ON}}
        END
    my ($port) = $log =~ m{^listening on http://127\.0\.0\.1:(\d+)$}m;
    my $tcp = sub ($path) { get(IO::Socket::INET->new("127.0.0.1:$port"), $path) =~ /^HTTP\/1\.1 (\d+)/ ? $1 : 'nothing' };
    my $unix = sub ($path) { get(IO::Socket::UNIX->new('sock'), $path) =~ /^HTTP\/1\.1 (\d+)/ ? $1 : 'nothing' };
    is $tcp->('/healthz'),  200, 'each has its paths';
    is $tcp->('/readyz'),   404, '... and not the other\'s';
    is $unix->('/readyz'),  200, 'here too';
    is $unix->('/healthz'), 404, '... and the other way round';
    stop_server($pid);
    unlink glob '*';
};

subtest 'more connections than allowed' => sub {
    my ($pid, $log) = start_server(join "\n", 'max-connections: 3', 'num-threads: 2',
        'listen: {host: 127.0.0.1, port: 0}', @rest, '');
    my ($port) = $log =~ m{^listening on http://127\.0\.0\.1:(\d+)$}m;
    my $ask = sub {
        my $s = IO::Socket::INET->new("127.0.0.1:$port") or return;
        local $SIG{PIPE} = 'IGNORE';
        print $s "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        return readline($s) ? $s : undef;
    };
    my @open = grep {$_} map { $ask->() } 1 .. 3;
    is scalar @open, 3, 'three are served';
    is $ask->(), undef, 'the fourth is closed';
    close pop @open;
    my $deadline = time + 10 * $slow;
    my $again;
    1 until ($again = $ask->()) || time > $deadline;
    ok $again, 'when one has gone, another comes in';
    stop_server($pid);
    unlink glob '*';
};

# -- the list --

subtest 'conf/README.md has every directive, and no other' => sub {
    my %code = map { $_ => 1 } slurp("$root/src/server/directives.c") =~ /^\s+\{"([\w.-]+)",/mg;
    my %doc  = map { $_ => 1 } slurp("$root/conf/README.md")          =~ /^### `([\w.-]+)`/mg;
    cmp_ok scalar keys %code, '>', 20, 'the code has directives';
    is_deeply [sort keys %doc], [sort keys %code], 'the same names';
};

subtest 'the shipped configurations are right' => sub {
    my $config = slurp("$root/conf/chatterbox.yaml");
    mkdir 'var';
    is system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost '
            . '-keyout var/key.pem -out var/cert.pem 2>/dev/null'), 0, 'a certificate';
    my ($status, $out, $err) = run('-c', "$root/conf/chatterbox.yaml", '-t');
    is $status, 0, 'chatterbox.yaml' or diag $err;
    my $production = slurp("$root/conf/production.yaml");
    $production =~ s{(?:/etc/chatterbox|/var/lib/chatterbox|/var/log/chatterbox|/run/chatterbox)/}{var/}g;
    $production =~ s{^user: .*\n}{}m;
    $production =~ s{owner: chatterbox, }{};
    write_file('production.yaml', $production);
    ($status, $out, $err) = run('-c', 'production.yaml', '-t');
    is $status, 0, 'production.yaml, with other paths and no user' or diag $err;
};

done_testing;
