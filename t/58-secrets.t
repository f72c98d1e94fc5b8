# Passwords and the key of the tokens are in no log, on no command line, in no environment, not in the database, and when they
# have been used not in memory, nor in the core that the system writes when the server dies. The access log has the format of
# conf/production.yaml.
#
# What remains, and is not tested: a body that comes in pieces is moved by H2O as it grows, over HTTP/2 from frame to stream, and
# yajl unescapes what has backslashes in it, each into memory that is freed as it is; so is a password that stands where none
# belongs (in a header, in a path). They stay until that memory is used again. A key in `chatterbox.token-secret` is a part of the
# configuration, which stays in memory.
use v5.36;
use Test::More;
use Chatterbox;
use Cwd qw(getcwd);
use Mojo::IOLoop;

$ENV{CHATTERBOX_BIN} = Chatterbox::binary();
my $home = getcwd;
my $dir  = File::Temp->newdir('chatterbox-core-XXXXXX', TMPDIR => 1);
chdir $dir or die $!;    # where a core goes
END { chdir $home if defined $home }

my ($format) = Chatterbox::slurp(Chatterbox::root() . '/conf/production.yaml') =~ /^access-log:.*\n.*\n\s+format: '(.*)'$/m;
ok $format, 'the format of the access log that is shipped';
my $server = Chatterbox->start(
    'num-threads' => 2,
    -tls          => 1,
    'access-log'  => {path => "$dir/access", format => $format},
    'error-log'   => "$dir/error",
    'error-log.emit-request-errors' => 'ON'
);

# everything that is secret has this in it, so that a part of one is found, too
my $mark   = sprintf 'Sesame%08x', int rand 0xffffffff;
my %word   = map { $_ => 'x' x 40 . "$mark-$_" . 'y' x 20 } qw(first second wrong tls guest);    # its beginning is what free() writes on
$word{refused} = 'x' x 200 . $mark . 'y' x 200;    # of a size that nothing else has
my $in_url = sprintf 'Mellon%08x', int rand 0xffffffff;    # where none belongs: only looked for in logs, see above
my $secret = $server->secret;
my $needle = "this is known to be in memory: $$";

# asks with a head that is shorter than the one before, so that no request covers the body of another in H2O's buffers, and on
# a connection that is idle then
my ($pad, @idle) = (3600);
sub ask ($method, $path, $body, %headers) {
    push @idle, delete $server->{ua};
    return $server->request($method => $path, $body, 'X-Pad' => 'p' x ($pad -= 120), %headers);
}
sub post ($path, $body, %headers) { ask(POST => $path, $body, %headers) }

story 'passwords and tokens, in all places right and wrong' => sub {
    my $ada = $server->account('ada', $word{first})->join;
    my $tls = $server->tls_url;
    my %say = (username => 'ada', password => $word{first});
    is post('/api/login', \%say)->code, 200, 'by HTTP' for 1 .. 3;
    is post("$tls/api/login", \%say)->code, 200, 'by HTTPS' for 1 .. 3;
    is post("$_/api/login", {%say, password => $word{wrong}})->code, 401, 'a wrong one' for '', $tls;
    is post("$tls/api/login", {%say, username => 'nobody', password => $word{tls}})->code, 401, 'of nobody';
    is post("$tls/api/register", {%say, username => 'bob'})->code, 201, 'a new account';
    is post('/api/register', {%say, username => 'a b'})->code, 422, '... that may not be';
    is post('/api/register', qq({"password":"$word{refused}","username":7}))->code, 400, '... of no name';
    is post('/api/register', {%say})->code, 409, '... that is there';
    is post('/api/login', {%say, username => 'gus', password => $word{guest}})->code, 401, 'for a guest';
    is post('/api/login', "{\"password\":\"$word{first}\",\"username\":")->code, 400, 'in JSON that is none';
    is post('/api/login', {%say}, Origin => 'http://evil.example')->code, 403, 'from elsewhere';
    is post('/api/login/', {%say})->code, 404, 'to a path that there is not';
    is ask(PUT => '/api/login', {%say})->code, 405, 'by another method';
    is ask(PATCH => '/api/me', {password => $word{second}, old_password => $word{first}})->code, 401, 'without a token';
    is ask(PATCH => '/api/me', {password => $word{second}, old_password => $word{wrong}}, $ada->auth)->code, 401, 'a wrong old one';
    is ask(PATCH => '/api/me', {password => $word{second}, old_password => $word{first}}, $ada->auth)->code, 200, 'a new one';
    for my $path ('/api/me', '/api/rooms', '/ws', '/nowhere', '/js/app.js', '/healthz') {
        my $token = $ada->token;
        $server->get("$path?token=$token&password=$in_url", Referer => "http://x/?$token", Cookie => "chatterbox_token=$token");
        $server->get("$tls$path?token=$token", Cookie => "__Host-chatterbox_token=x.$token");
    }
    is post("$tls/api/login", {%say, password => $word{second}})->code, 200, 'the last by HTTPS, whose record nothing covers';
    is $server->post('/api/login?password=x', {%say, password => $word{second}})->code, 200, 'the new one';
    is $ada->get('/api/me')->code, 200, 'control: the token is good';
    $ada->say($needle);
    $server->{ada} = $ada;
};

story 'no log has them' => sub {
    my $signature = (split /\./, $server->{ada}->token)[2];
    wait_until 'the access log is written', sub { Chatterbox::slurp("$dir/access") =~ m{PATCH /api/me HTTP/1\.1" 200} };
    for my $log ("$dir/access", "$dir/error", $server->log_file) {
        my $text = Chatterbox::slurp($log);
        unlike $text, qr/$mark|$in_url/,   "$log: no password";
        unlike $text, qr/\Q$secret\E/,     '... not the key';
        unlike $text, qr/\Q$signature\E/,  '... and no token';
    }
    my @lines = grep {m{GET /api/rooms HTTP}} split /\n/, Chatterbox::slurp("$dir/access");
    ok @lines >= 2, 'control: what was asked with a token in the URL is there' or diag Chatterbox::slurp("$dir/access");
};

story 'nobody on the machine sees them' => sub {
    for my $what (qw(cmdline environ comm)) {
        unlike Chatterbox::slurp('/proc/' . $server->pid . "/$what"), qr/$mark|\Q$secret\E/, $what;
    }
    is sprintf('%04o', (stat $server->dir . '/secret')[2] & 07777), '0600', 'the key is its owner\'s';
    my @files = glob $server->database . '*';
    unlike Chatterbox::slurp($_), qr/$mark|\Q$secret\E/, "$_ does not have them" for @files;
};

# what must not be found; the raw bytes of the key, and what HMAC makes of it (RFC 2104), are as good as the key
my %gone = (
    'a password'                 => $mark,
    'the key'                    => $secret,
    'the key as bytes'           => pack('H*', $secret),
    'the key in the inner pad'   => $secret ^. "\x36" x 64,
    'the key in the outer pad'   => $secret ^. "\x5c" x 64
);

# which of them, and the needle, are in these bytes, read a piece at a time; the pieces overlap
sub look ($handle, $length, $found) {
    my $before = '';
    while ($length > 0) {
        my $n = sysread $handle, my ($piece), $length < 1 << 22 ? $length : 1 << 22 or return;
        $length -= $n;
        my $bytes = $before . $piece;
        for my $what (keys %gone) { $found->{$what} = 1 if index($bytes, $gone{$what}) >= 0 }
        $found->{needle} = 1 if index($bytes, $needle) >= 0;
        $before = substr $bytes, -100 if length $bytes > 100;
    }
}

# the memory that a core would have: all that can be read, but what is marked as not to be dumped (dd)
sub dumped ($pid) {
    no warnings 'portable';
    my @areas;
    for (split /\n/, Chatterbox::slurp("/proc/$pid/smaps")) {
        if (/^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+\s*(.*)/) { push @areas, [hex $1, hex($2) - hex($1)] unless $3 =~ /^\[v/ }
        elsif (/^[0-9a-f]+-/)                                  { push @areas, [0, 0] }
        elsif (/^VmFlags:.*\bdd\b/)                            { $areas[-1] = [0, 0] if @areas }
    }
    return grep { $_->[1] } @areas;
}

sub in_memory ($pid) {
    my %found;
    open my $memory, '<:raw', "/proc/$pid/mem" or return undef;
    for my $area (dumped($pid)) {
        sysseek $memory, $area->[0], 0 or next;
        look($memory, $area->[1], \%found);
    }
    return \%found;
}

SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $server->sanitized;
    skip 'memory cannot be read here',       1 unless in_memory($server->pid);
    story 'the memory does not have them' => sub {
        my $found = {};
        eval { wait_until 'they are gone', sub { $found = in_memory($server->pid); 1 == keys %$found }, 2 };
        is_deeply [sort keys %$found], ['needle'], 'only what is known to be there';
        my $smaps = Chatterbox::slurp('/proc/' . $server->pid . '/smaps');
        is $server->{ada}->get('/api/me')->code, 200, 'and the key is still used';
    };
}

SKIP: {
    my $pattern = eval { Chatterbox::slurp('/proc/sys/kernel/core_pattern') } // '|';
    skip 'a sanitizer keeps what was freed', 1 if $server->sanitized;
    skip "cores go to $pattern", 1 if $pattern =~ m{[|/]};
    skip 'prlimit is not there, or not allowed', 1 if system("prlimit --pid @{[$server->pid]} --core=4294967296:unlimited 2>/dev/null");
    story 'nor has a core' => sub {
        kill ABRT => $server->pid;
        wait_until 'the server is dead', sub { $server->exited }, 20;
        my ($core) = glob 'core*';
        ok $core, 'there is one' or return;
        my %found;
        open my $in, '<:raw', $core or die $!;
        look($in, -s $core, \%found);
        is_deeply [sort keys %found], ['needle'], 'only what is known to be there, in ' . int((-s $core) / 1e6) . ' MB';
        unlink $core;
        $server->launch;
    };
}

@idle = delete $server->{ua};
@idle = ();
$server->stop;
chdir $home;
done_testing;
