# TLS: the versions, ALPN, which certificate a name gets, and new certificates without dropping anybody.

use v5.36;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::SSL;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time);

my $root = abs_path(dirname(__FILE__) . '/..');
my $bin  = abs_path($ENV{CHATTERBOX_BIN} // "$root/build/chatterbox");
my $slow = $ENV{CHATTERBOX_SLOW} || 1;
my $dir  = tempdir(CLEANUP => 1);
chdir $dir or die;
my $pid;
END { kill KILL => $pid if $pid; chdir '/' }

sub slurp ($name) {
    open my $in, '<', $name or return '';
    local $/;
    return readline($in) // '';
}

# "until this holds, at most N s"
sub wait_until ($what, $holds) {
    my $deadline = time + 20 * $slow;
    until ($holds->()) {
        die "gave up: $what; " . slurp('log') if time > $deadline;
        select undef, undef, undef, 0.005;
    }
}

sub certificate ($name) {
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$name "
            . "-keyout $name.key -out $name.pem 2>/dev/null") == 0
        or die 'openssl';
}

certificate($_) for qw(a.test b.test new.test);

open my $out, '>', 'tls.yaml' or die;
print $out <<'END';
num-threads: 2
listen: {host: 127.0.0.1, port: 0}
chatterbox.token-secret-file: secret
chatterbox.database: ":memory:"
hosts:
  a.test:
    listen: {host: 127.0.0.1, port: 0, ssl: {certificate-file: a.test.pem, key-file: a.test.key}}
    paths: {"/healthz": {chatterbox.health: ON}}
  b.test:
    listen: {host: 127.0.0.1, port: 0, ssl: {certificate-file: b.test.pem, key-file: b.test.key}}
    paths: {"/healthz": {chatterbox.health: ON}}
  "*.c.test":
    listen: {host: 127.0.0.1, port: 0, ssl: {certificate-file: b.test.pem, key-file: b.test.key}}
    paths: {"/healthz": {chatterbox.health: ON}}
END
close $out;

$pid = fork // die;
if (!$pid) {
    open STDERR, '>', 'log' or POSIX::_exit(99);
    exec $bin, '-c', 'tls.yaml' or POSIX::_exit(127);
}
wait_until 'ready', sub {
    die 'the server did not start: ' . slurp('log') if waitpid $pid, WNOHANG;
    slurp('log') =~ /^ready$/m;
};
my @ports = slurp('log') =~ m{^listening on https://127\.0\.0\.1:(\d+)$}mg;
is scalar @ports, 1, 'hosts that ask for a free port with TLS share one';
my $port = $ports[0];

# a connection, or undef
sub tls (%args) {
    return IO::Socket::SSL->new(
        PeerAddr        => "127.0.0.1:$port",
        SSL_verify_mode => SSL_VERIFY_NONE,
        SSL_hostname    => 'a.test',
        Timeout         => 20 * $slow,
        %args
    );
}

sub name_of ($tls) { $tls ? $tls->peer_certificate('commonName') : 'nobody' }

# the status of a request on a connection that stays open
sub ask ($tls) {
    print $tls "GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n";
    my $status = (readline($tls) // '') =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'nothing';
    my $length = 0;
    while (defined(my $line = readline $tls)) {
        $length = $1 if $line =~ /^content-length: (\d+)/i;
        last         if $line eq "\r\n";
    }
    read $tls, my ($body), $length;
    return $status;
}

subtest 'versions' => sub {
    for my $version (qw(TLSv1_2 TLSv1_3)) {
        my $tls = tls(SSL_version => $version);
        is $tls && $tls->get_sslversion, $version, "$version is spoken";
        is ask($tls), 200, '... and HTTP over it' if $tls;
    }
    is tls(SSL_version => $_, SSL_cipher_list => 'ALL:@SECLEVEL=0'), undef, "$_ is refused" for qw(TLSv1_1 TLSv1);
    is tls(SSL_version => 'TLSv1_2', SSL_cipher_list => 'AES128-SHA:AES256-SHA:ECDHE-ECDSA-AES128-SHA'), undef,
        'ciphers without forward secrecy or without AEAD are refused';
    my $tls = tls(SSL_version => 'TLSv1_2', SSL_cipher_list => 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384');
    like $tls->get_cipher, qr/AES256-GCM/, 'the order of ciphers is the server\'s';
    my $plain = IO::Socket::INET->new("127.0.0.1:$port");
    print $plain "GET / HTTP/1.1\r\n\r\n";
    unlike readline($plain) // '', qr/HTTP/, 'plain HTTP is not answered there';
};

subtest 'ALPN' => sub {
    is tls(SSL_alpn_protocols => ['h2', 'http/1.1'])->alpn_selected, 'h2',       'h2 where it is offered';
    is tls(SSL_alpn_protocols => ['http/1.1'])->alpn_selected,       'http/1.1', 'http/1.1 where that is';
    is tls()->alpn_selected,                                         undef,      'nothing where nothing is';
};

subtest 'a name picks its certificate' => sub {
    my %is = ('a.test' => 'a.test', 'b.test' => 'b.test', 'B.TEST' => 'b.test', 'x.c.test' => 'b.test',
        'c.test' => 'a.test', 'unknown.test' => 'a.test');
    for my $version (qw(TLSv1_2 TLSv1_3)) {
        is name_of(tls(SSL_hostname => $_, SSL_version => $version)), $is{$_}, "$_ gets $is{$_} ($version)"
            for sort keys %is;
        is name_of(tls(SSL_hostname => '', SSL_version => $version)), 'a.test', "no name gets the first ($version)";
    }
};

sub hang_up ($words) {
    my $before = () = slurp('log') =~ /$words/g;
    kill HUP => $pid;
    wait_until $words, sub { my $now = () = slurp('log') =~ /$words/g; $now > $before };
}

subtest 'new certificates' => sub {
    my @old = map { tls(SSL_version => $_) } qw(TLSv1_2 TLSv1_3) x 3;
    is ask($_), 200, 'somebody is there' for @old;
    copy("new.test.$_", "a.test.$_") or die for qw(pem key);
    hang_up('event=certificate-loaded');
    wait_until 'every worker has the new certificate', sub {
        !grep { name_of(tls()) ne 'new.test' } 1 .. 10;
    };
    pass 'who comes now gets the new one';
    is name_of(tls(SSL_hostname => 'b.test')), 'b.test', 'the other is as it was';
    is ask($_), 200, 'who was there still is' for @old;

    open my $broken, '>', 'a.test.pem' or die;
    print $broken "junk\n";
    close $broken;
    hang_up('event=certificate-kept');
    is name_of(tls()), 'new.test', 'a broken file keeps what there was' for 1 .. 10;
    is ask($_), 200, '... and everybody' for @old;
};

subtest 'the end' => sub {
    my $open = tls();
    is ask($open), 200, 'somebody is there';
    my $before = time;
    kill TERM => $pid;
    wait_until 'the server ends', sub { waitpid $pid, WNOHANG };
    is $?, 0, 'status 0';
    cmp_ok time - $before, '<', 10 * $slow, 'in time';
    is readline($open), undef, 'and everybody is let go';
    undef $pid;
};

done_testing;
