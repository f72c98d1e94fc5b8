package Chatterbox;

# Chatterbox -- a server of its own for a test, and the people who talk to it.
#
#     my $server = Chatterbox->start('chatterbox.outbound-limit' => 65536, 'num-threads' => 2);
#     my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);
#     $ada->say('hi');
#
# Settings are directives of the configuration; those that begin with a dash are for this module. Nothing here sleeps or
# guesses: the server says where it listens, and waiting is wait_until, "until this holds, at most N s". Everything runs
# on the one Mojo::IOLoop, so people hear each other while somebody waits.

use v5.36;

# The other reactor, EV, reaps our children before we do; and no proxy may come between.
BEGIN { $ENV{MOJO_REACTOR} = 'Mojo::Reactor::Poll'; $ENV{NO_PROXY} = '127.0.0.1' }

use Carp qw(croak);
use Chatterbox::Client;
use DBI;
use Exporter qw(import);
use Fcntl qw(SEEK_SET);
use File::Basename qw(dirname);
use File::Spec;
use File::Temp;
use Mojo::IOLoop;
use Mojo::UserAgent;
use Mojo::Util qw(scope_guard);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(story wait_until limit is_problem);

my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my @servers;    # kept to the end, for their logs

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);    # so that END runs, and no server stays behind

# -- words for every test --

# seconds, stretched for builds that are slower (CHATTERBOX_SLOW=5 under a sanitizer)
sub limit ($seconds) { $seconds * ($ENV{CHATTERBOX_SLOW} || 1) }

# turns the loop until `$holds->()` is true, and returns that; dies when it is not within `$seconds`
sub wait_until ($what, $holds, $seconds = 10) {
    my $deadline = time + limit($seconds);
    my $tick     = Mojo::IOLoop->recurring(0.01 => sub { });
    my $guard    = scope_guard(sub { Mojo::IOLoop->remove($tick) });
    while (1) {
        my $value = $holds->();
        return $value                                         if $value;
        croak "gave up after " . limit($seconds) . "s: $what" if time > $deadline;
        Mojo::IOLoop->one_tick;
    }
}

# a subtest that fails, and lets the next one run, when its code dies
sub story ($name, $code) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    subtest $name => sub {
        eval { $code->(); 1 } or fail("the story ends early: $@");
    };
}

# a refusal as protocol.md has them: the status, problem+json, the stable code, words for people
sub is_problem ($res, $status, $code, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $body = eval { $res->json } || {};
    $body = {} unless ref $body eq 'HASH';
    my $type = $res->headers->content_type // '';
    my @have = ($res->code // 'no answer', $type =~ m{^application/problem\+json}i ? 'problem' : $type);
    push @have, $body->{code} // 'no code', $body->{status} // 'no status';
    push @have, length($body->{title} // '') ? 'a title' : 'no title';
    push @have, exists $body->{detail} ? 'a detail' : 'no detail';
    is_deeply(\@have, [$status, 'problem', $code, $status, 'a title', 'a detail'], "$what: $status $code")
        or diag substr $res->body // '', 0, 500;
}

# -- the server --

# starts a server and waits until it is ready. For this module: `-tls` adds a listener, `-prepare` gets the server before
# its first start (to put files in its directory), `-preload` is a fault (t/faults/) and the environment that it reads,
# `-listen` is what to listen on instead of a free port, `-child` runs in the new process before it becomes the program.
sub start ($class, %settings) {
    my $self = bless {temp => File::Temp->newdir('chatterbox-XXXXXX', TMPDIR => 1), offset => 0}, $class;
    $self->{dir}   = $self->{temp}->dirname;
    $self->{own}   = {map { $_ => delete $settings{$_} } grep {/^-/} keys %settings};
    $self->{given} = \%settings;
    push @servers, $self;
    $self->{own}{-prepare}->($self) if $self->{own}{-prepare};
    return $self->launch;
}

# starts the program (again) in the same directory
sub launch ($self) { $self->spawn->await_ready }

# the next one, in the same directory and at the same address, while this one is still there
sub successor ($self) {
    my $next = bless {%$self, fixed_url => $self->url}, ref $self;
    push @servers, $next;
    return $next->spawn;
}

sub spawn ($self) {
    $self->write_config;
    $self->{offset} = -s $self->log_file || 0;
    delete $self->{status};
    $self->{pid} = fork // die "fork: $!";
    $self->become_server unless $self->{pid};
    return $self;
}

sub await_ready ($self) {
    wait_until 'the server is ready', sub {
        croak "the server ended at its start: " . $self->log if $self->exited;
        return $self->log =~ /^ready$/m;
    }, 20;
    return $self;
}

sub become_server ($self) {
    my $binary = $self->binary;
    if (my $preload = $self->{own}{-preload}) {
        my ($name, %env) = @$preload;
        @ENV{keys %env} = values %env;
        $ENV{LD_PRELOAD}   = fault($name);
        $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'verify_asan_link_order=0';    # ours may come before its own
    }
    for my $kind (qw(LSAN TSAN)) {    # where a library is not ours to mend; each entry says why
        my $list = "$root/deps/" . lc($kind) . '.supp';
        $ENV{"${kind}_OPTIONS"} = join ':', $ENV{"${kind}_OPTIONS"} // (), "suppressions=$list", 'print_suppressions=0' if -e $list;
    }
    open STDIN,  '<',  '/dev/null';
    open STDERR, '>>', $self->log_file;
    open STDOUT, '>&', \*STDERR;
    $self->{own}{-child}->() if $self->{own}{-child};
    exec $binary, '-c', $self->config_file or do { print STDERR "$binary: $!\n"; POSIX::_exit(127) };
}

# a preload of t/faults/, as it was built beside the program
sub fault ($name) { dirname(binary()) . "/faults/$name.so" }

sub binary { File::Spec->rel2abs($ENV{CHATTERBOX_BIN} // "$root/build/chatterbox") }
sub root   {$root}

# -- its files --

sub dir         ($self) { $self->{dir} }
sub log_file    ($self) {"$self->{dir}/log"}
sub config_file ($self) {"$self->{dir}/chatterbox.yaml"}
sub database    ($self) { $self->{given}{'chatterbox.database'} // "$self->{dir}/chat.db" }
sub secret      ($self) { my $text = slurp("$self->{dir}/secret"); chomp $text; $text }

# what it said on stderr since its last start
sub log ($self) {
    open my $in, '<', $self->log_file or return '';
    seek $in, $self->{offset}, SEEK_SET;
    local $/;
    return scalar readline($in) // '';
}

# a reading connection of ours to its database
sub db ($self) {
    return DBI->connect('dbi:SQLite:uri=file:' . $self->database . '?mode=ro',
        '', '', {RaiseError => 1, PrintError => 0, sqlite_unicode => 1});
}

# a room as the database has it, for comparing with Chatterbox::Client::transcript
sub transcript ($self, $room = 1) {
    my $db   = $self->db;
    my $rows = $db->selectall_arrayref(
        'SELECT id, rev, CASE WHEN deleted THEN NULL ELSE message END FROM messages WHERE room_id = ? ORDER BY id',
        undef, $room);
    $db->disconnect;
    return $rows;
}

sub settings ($self) {
    my %all = (
        'num-threads'                  => 2,
        'chatterbox.database'          => $self->database,
        'chatterbox.token-secret-file' => "$self->{dir}/secret",
        'chatterbox.rate'              => 0,
        'chatterbox.logins-per-minute' => 0,    # everybody in a test has one address
        %{$self->{given}}
    );
    delete $all{'chatterbox.token-secret-file'} if exists $all{'chatterbox.token-secret'};
    return \%all;
}

sub write_config ($self) {
    my @listen = @{$self->{own}{-listen} // [{host => '127.0.0.1', port => 0}]};
    push @listen, {host => '127.0.0.1', port => 0, ssl => certificate()} if $self->{own}{-tls};
    my %paths = (
        '/'        => {'file.dir'             => "$root/htdocs"},
        '/api'     => {'chatterbox.api'       => 'ON'},
        '/ws'      => {'chatterbox.websocket' => 'ON'},
        '/healthz' => {'chatterbox.health'    => 'ON'},
        '/readyz'  => {'chatterbox.ready'     => 'ON'},
        '/metrics' => {'chatterbox.metrics'   => 'ON'}
    );
    my %config = (listen => \@listen, hosts => {default => {paths => \%paths}}, %{$self->settings});
    open my $out, '>', $self->config_file or die $self->config_file . ": $!";
    print $out yaml(\%config, ''), "\n";
    close $out;
}

# values as YAML: mappings and lists in block style, so that a complaint's line number says something
sub yaml ($value, $indent) {
    return join '', map { "\n$indent" . quoted($_) . ':' . yaml($value->{$_}, "$indent  ") } sort keys %$value
        if ref $value eq 'HASH';
    return ' []' if ref $value eq 'ARRAY' && !@$value;
    return join '', map { "\n$indent-" . yaml($_, "$indent  ") } @$value if ref $value eq 'ARRAY';
    return ' ' . quoted($value);
}

sub quoted ($text) { $text =~ m{^[A-Za-z0-9_./-]+$} ? $text : '"' . $text =~ s/(["\\])/\\$1/gr . '"' }

# a self-signed certificate for 127.0.0.1, made once a test
sub certificate {
    state $dir = File::Temp->newdir('chatterbox-cert-XXXXXX', TMPDIR => 1);
    my %file = ('certificate-file' => "$dir/cert.pem", 'key-file' => "$dir/key.pem");
    return \%file if -e $file{'key-file'};
    my @make = (qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2),
        qw(-subj /CN=localhost -addext), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    my $said = `@make -keyout '$file{'key-file'}' -out '$file{'certificate-file'}' 2>&1`;
    die "openssl: $said" if $?;
    return \%file;
}

sub slurp ($path) {
    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar readline($in) // '';
}

# -- where it is --

sub pid     ($self) { $self->{pid} }
sub url     ($self) { $self->{fixed_url} // ($self->log =~ m{^listening on (http://\S+?)/?$}m)[0]  // die 'no http:// listener' }
sub tls_url ($self) { ($self->log =~ m{^listening on (https://\S+?)/?$}m)[0] // die 'no https:// listener' }
sub ws_url  ($self) { $self->url =~ s/^http/ws/r . '/ws' }
sub port    ($self) { ($self->url =~ /:(\d+)$/)[0] }

# resident memory in bytes
sub memory ($self) {
    return slurp("/proc/$self->{pid}/status") =~ /^VmRSS:\s+(\d+) kB/m ? $1 * 1024 : die 'no VmRSS';
}

# is this a build whose memory and speed say nothing?
sub sanitized ($self) { slurp("/proc/$self->{pid}/maps") =~ /lib(?:a|t|ub)san|libclang_rt/ || slurp($self->binary) =~ /__(?:a|t)san_init/ }

# -- its end --

# true once the process has ended; its status (as in $?) is in {status}
sub exited ($self) {
    return 1 if defined $self->{status};
    local $?;
    return 0 unless $self->{pid} && waitpid($self->{pid}, WNOHANG) == $self->{pid};
    $self->{status} = $?;
    return 1;
}

sub term ($self) { kill TERM => $self->{pid} unless $self->exited; $self }

sub kill9 ($self) {
    kill KILL => $self->{pid} unless $self->exited;
    wait_until 'the killed server is gone', sub { $self->exited };
    return $self;
}

# asks the server to end, and tests that it does so in time and well. What the sanitizers say comes at the end, too.
sub stop ($self) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->term;
    eval { wait_until 'the server ends', sub { $self->exited }, 10 } or $self->kill9;
    is $self->{status}, 0, 'the server ends by itself, with exit status 0';
    $self->sanitizer_clean;
    return $self;
}

# stops, and starts again in the same directory, with other settings where some are given
sub restart ($self, %changes) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->stop;
    $self->{given} = {%{$self->{given}}, %changes};
    return $self->launch;
}

sub sanitizer_clean ($self) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @said = grep {/(?:Address|Thread|Leak|UndefinedBehavior|Memory)Sanitizer|runtime error:|broken invariant/}
        split /\n/, $self->log;
    is "@said", '', 'no sanitizer and no assertion complains';
}

# -- people --

# a guest who is logged in, connected, welcomed, and has read the history
sub connect ($self, $name, %options) { $self->guest($name)->join(%options) }

# a guest who is logged in
sub guest ($self, $name) { Chatterbox::Client->new(server => $self, name => $name)->login }

# somebody with an account, who is logged in
sub account ($self, $name, $password = 'correct horse battery') {
    return Chatterbox::Client->new(server => $self, name => $name)->register($password);
}

# somebody with a session that was had elsewhere
sub bearer ($self, $name, $token) { Chatterbox::Client->new(server => $self, name => $name, token => $token) }

# one HTTP request, without cookies or redirects of its own; a reference goes as JSON, a string as it is. `$path` may
# be a whole URL. Returns a Mojo::Message::Response; its code is undef when no answer came.
sub request ($self, $method, $path, $body = undef, %headers) {
    my $url = $path =~ /^http/ ? $path : $self->url . $path;
    my $ua  = $self->{ua} //= user_agent();
    my $tx  = $ua->build_tx($method => $url => \%headers => ref $body ? (json => $body) : $body // ());
    my $answer;
    $ua->start($tx => sub ($ua, $tx) { $answer = $tx });
    wait_until "an answer to $method $path", sub {$answer}, 30;
    return $answer->res;
}

sub get  ($self, $path, %headers)               { $self->request(GET  => $path, undef, %headers) }
sub post ($self, $path, $body = {}, %headers)   { $self->request(POST => $path, $body, %headers) }

# every client gets its own: no shared connections, no cookies that nobody asked for, no time limits but ours
sub user_agent {
    my $ua = Mojo::UserAgent->new(insecure => 1, inactivity_timeout => 0, request_timeout => 0, max_redirects => 0);
    $ua->connect_timeout(limit(10))->cookie_jar->ignore(sub {1});
    $ua->max_response_size(0);
    return $ua;
}

# the last lines of each log where a test failed, and no process left behind
END {
    local $?;
    for my $server (grep {defined} @servers) {
        kill KILL => $server->{pid} if $server->{pid} && !$server->exited;
        next if Test::More->builder->is_passing;
        my @lines = split /\n/, $server->log;
        splice @lines, 0, @lines - 40 if @lines > 40;
        diag join "\n", "-- $server->{dir}, the end of what the server said:", @lines if @lines;
    }
    waitpid $_->{pid}, 0 for grep { $_->{pid} && !defined $_->{status} } @servers;
    @servers = ();
}

1;
