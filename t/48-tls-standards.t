# TLS as RFC 8446, 5246, 5077, 5746, 6066 and 7301 have it, and as scanners like it: what is refused, which certificate
# somebody gets, sessions that resume, OCSP stapling, bad handshakes, and new certificates under load.
#
# Refusals are asked for with a ClientHello written by hand: a library would not say what we want said.

use v5.36;
use lib 't/lib';
use Chatterbox;
use File::Copy qw(copy);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use IO::Socket::SSL::Utils;
use IPC::Open3 qw(open3);
use List::Util qw(max);
use Net::SSLeay;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);

$SIG{PIPE} = 'IGNORE';

# -- certificates: a root, one between, and the hosts' --

my $dir = File::Temp->newdir('chatterbox-tls-XXXXXX', TMPDIR => 1)->dirname;
mkdir $dir;
END { system 'rm', '-rf', $dir if defined $dir }

sub write_file ($name, $text) {
    open my $out, '>:raw', "$dir/.$name" or die "$name: $!";
    print $out $text;
    close $out;
    rename "$dir/.$name", "$dir/$name" or die "$name: $!";    # nobody sees half a file
}

my $serial = 100;

sub certify ($name, %args) {
    my $issuer = delete $args{issuer};
    my $key    = delete $args{key} // KEY_create_ec('prime256v1');
    my ($cert) = CERT_create(
        subject         => {commonName => $name},
        subjectAltNames => [[DNS => $name]],
        serial          => ++$serial,
        not_after       => time + 86400,
        key             => $key,
        digest          => 'sha256',
        $issuer ? (issuer => [@$issuer{qw(cert key)}], purpose => 'server') : (),
        %args
    );
    return {name => $name, cert => $cert, key => $key, serial => $serial};
}

sub save ($file, $made, @chain) {
    write_file("$file.pem", join '', map { PEM_cert2string($_->{cert}) } $made, @chain);
    write_file("$file.key", PEM_key2string($made->{key}));
}

my $root    = certify('root',    CA     => 1);
my $between = certify('between', issuer => $root, CA => 1, purpose => undef);
my $stranger = certify('stranger', CA => 1);
my $ec      = certify('a.test', issuer => $between);
my $rsa     = certify('a.test', issuer => $between, key => KEY_create_rsa(2048));
my $strict  = certify('b.test', issuer => $between);
my $next    = certify('a.test', issuer => $between);
my $late    = certify('late.test', issuer => $between, not_before => time - 9999, not_after => time - 999);
save('root', $root);
save('between', $between);
save('stranger', $stranger);
save('ec',     $ec,     $between);
save('rsa',    $rsa,    $between);
save('strict', $strict, $between);
save('late',   $late,   $between);

# -- OCSP --

# a response about `$about` into `$file`
sub ocsp ($file, $about, %args) {
    my $by    = $args{by} // 'between';
    my $state = $args{revoked} ? "R\t491231235959Z\t200101000000Z" : "V\t491231235959Z\t";
    my $id    = sprintf '%X', $about->{serial};
    $id = "0$id" if length($id) % 2;
    write_file('index', "$state\t$id\tunknown\t/CN=$about->{name}\n");
    write_file('about.pem', PEM_cert2string($about->{cert}));
    my $said = qx{cd $dir && openssl ocsp -index index -CA $by.pem -rsigner $by.pem -rkey $by.key -issuer $by.pem -cert about.pem -no_nonce -ndays 2 -respout response 2>&1};
    my $der = Chatterbox::slurp("$dir/response");
    $args{edit}->() for $args{edit} ? $der : ();
    write_file($file, $der);
}

ocsp('ec.der', $ec);

# -- the server --

my $listen = sub ($file, %more) {
    return {host => '127.0.0.1', port => 0, ssl => {'certificate-file' => "$dir/$file.pem", 'key-file' => "$dir/$file.key", %more}};
};
my %healthz = (paths => {'/healthz' => {'chatterbox.health' => 'ON'}, '/ws' => {'chatterbox.websocket' => 'ON'}});
my $server  = Chatterbox->start(
    'handshake-timeout' => 2,
    listen              => {host => '127.0.0.1', port => 0},
    hosts               => {
        'a.test'    => {%healthz, listen => [$listen->('ec', 'ocsp-file' => "$dir/ec.der"), $listen->('rsa')]},
        'b.test'    => {%healthz, listen => $listen->('strict', 'minimum-version' => 'TLSv1.3')},
        'late.test' => {%healthz, listen => $listen->('late')}
    }
);
my ($port) = $server->tls_url =~ /:(\d+)$/;

# -- talking --

sub tcp { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => limit(10)) or die "connect: $!" }

# a connection of a library's, or undef
sub tls (%args) {
    my $socket = delete $args{socket};
    my %how = (SSL_verify_mode => SSL_VERIFY_NONE, SSL_hostname => 'a.test', Timeout => limit(10), %args);
    return IO::Socket::SSL->start_SSL($socket, %how) if $socket;
    return IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$port", %how);
}

# the status of a request on a connection that stays open
sub ask ($to, $path = '/healthz') {
    syswrite $to, "GET $path HTTP/1.1\r\nHost: a.test\r\n\r\n" or return 'cannot write';
    my ($status, $length) = ('nothing', 0);
    while (defined(my $line = readline $to)) {
        $status = $1 if $line =~ m{^HTTP/1\.1 (\d+)};
        $length = $1 if $line =~ /^content-length: (\d+)/i;
        last         if $line eq "\r\n";
    }
    read $to, my ($body), $length;
    return $status;
}

# what the command says
sub s_client ($args, $input = "Q\n") {
    my $pid = open3(my $in, my $out, undef, "timeout @{[limit(20)]} openssl s_client -connect 127.0.0.1:$port -servername a.test $args");
    print $in $input;
    my $said = '';
    while (sysread $out, my $bytes, 65536) { $said .= $bytes }
    waitpid $pid, 0;
    return $said;
}

sub vector ($bytes_of_length, $content) { substr(pack('N', length $content), 4 - $bytes_of_length) . $content }
sub shorts (@values) { pack 'n*', @values }
sub extension ($type, $content) { pack('n', $type) . vector(2, $content) }

my @ec_sigs  = (0x0403, 0x0503);
my @rsa_sigs = (0x0804, 0x0401);

# the bytes of a ClientHello
sub hello (%args) {
    my $version = $args{version} // 0x0303;
    my $ext     = extension(0, vector(2, "\0" . vector(2, $args{name} // 'a.test')));
    $ext .= extension(10, vector(2, shorts(@{$args{groups} // [29, 23, 24]})));
    $ext .= extension(13, vector(2, shorts(@{$args{sigs} // [@ec_sigs, @rsa_sigs]})));
    $ext .= extension(0xff01, "\0");
    $ext .= extension(43, vector(1, shorts(0x0304))) . extension(51, vector(2, '')) if $args{tls13};
    my $body = shorts($version) . ('r' x 32) . vector(1, $args{tls13} ? 's' x 32 : '');
    $body .= vector(2, shorts(@{$args{suites} // [0xc02b, 0xc02f]})) . vector(1, "\0") . vector(2, $ext);
    my $message = "\x01" . vector(3, $body);
    return join '', map { "\x16\x03\x01" . vector(2, $_) } unpack '(a16384)*', $message;
}

# what the server does: "suite c02b", with the group where it asks for another key; or "refused" (H2O ends the connection,
# and its alert stays behind)
sub answer (%args) {
    my $to = tcp();
    syswrite $to, hello(%args);
    my $got = '';
    my $deadline = time + limit(10);
    while (IO::Select->new($to)->can_read(max 0, $deadline - time)) {
        last unless sysread $to, $got, 16384, length $got;
        last if length $got >= 5 && length $got >= 5 + unpack 'x3 n', $got;
    }
    return time < $deadline ? 'refused' : 'nothing' if length $got < 7 || ord $got == 21;
    my ($id_len) = unpack 'x43 C', $got;
    my $said = sprintf 'suite %04x', unpack "x@{[44 + $id_len]} n", $got;
    return $said unless $args{tls13};
    return $said . ' group ' . unpack 'n', $1 if $got =~ /\x00\x33\x00\x02(..)/s;
    return $said;
}

story 'old versions' => sub {
    my %old = ('SSL 3.0' => 0x0300, 'TLS 1.0' => 0x0301, 'TLS 1.1' => 0x0302);
    is answer(version => $old{$_}, suites => [0xc009, 0xc013, 0xc02b, 0x002f]), 'refused', "$_ is refused" for sort keys %old;
    is answer(), 'suite c02b', 'the same in TLS 1.2 is answered';
};

story 'suites' => sub {
    my %good = (
        0xc02b => \@ec_sigs,  0xc02c => \@ec_sigs,  0xcca9 => \@ec_sigs,     # ECDHE-ECDSA: AES-128-GCM, AES-256-GCM, ChaCha20
        0xc02f => \@rsa_sigs, 0xc030 => \@rsa_sigs, 0xcca8 => \@rsa_sigs     # ECDHE-RSA
    );
    is answer(suites => [$_], sigs => $good{$_}), sprintf('suite %04x', $_), sprintf('TLS 1.2: %04x alone is taken', $_)
        for sort keys %good;
    my %not = (%good, 0x5600 => 1);    # the last is no suite, but says that this is a second try
    my @rest = grep { !$not{$_} } 0 .. 0xffff;
    while (my @some = splice @rest, 0, 30000) {
        is answer(suites => \@some), 'refused', sprintf 'TLS 1.2: of %d others, %04x to %04x, none is', scalar @some, @some[0, -1];
    }
    is answer(suites => [0x5600, 0xc02b]), 'refused', 'who falls back to 1.2 is sent away, as 1.3 is here';
    is answer(suites => [0xcca9, 0xc02b, 0xc02c], sigs => \@ec_sigs), 'suite c02c', 'TLS 1.2: the server chooses the order';
    like answer(tls13 => 1, suites => [$_]), qr/^@{[sprintf 'suite %04x', $_]} /, sprintf('TLS 1.3: %04x alone is taken', $_)
        for 0x1301 .. 0x1303;
    is answer(tls13 => 1, suites => [0x1304, 0x1305, 0xc02b]), 'refused', 'TLS 1.3: CCM, or those of 1.2, are not';
};

story 'groups' => sub {
    like answer(tls13 => 1, suites => [0x1301], groups => [$_]), qr/ group $_$/, "group $_ alone is taken" for 29, 23, 24;
    my @others = grep { !{map { $_ => 1 } 29, 23, 24}->{$_} } 1 .. 44, 256 .. 260;
    is answer(tls13 => 1, suites => [0x1301], groups => \@others), 'refused', 'TLS 1.3: all others, finite fields too, are not';
    is answer(suites => [0xc02b, 0xc02f], groups => \@others), 'refused', 'nor in TLS 1.2';
};

story 'renegotiation, compression, early data' => sub {
    my $said = s_client('-tls1_2', "R\n");
    like $said, qr/Secure Renegotiation IS supported/, 'RFC 5746 is indicated';
    like $said, qr/Compression: NONE/,                 'nothing is compressed';
    like $said, qr/RENEGOTIATING\n[0-9A-F]+:error:/,    'a client that wants to shake hands again is cut off';
    is answer(), 'suite c02b', 'the server is there';
    my $tls = tls(SSL_version => 'TLSv1_3');
    is ask($tls), 200, 'a connection';
    is Net::SSLeay::SESSION_get_max_early_data(Net::SSLeay::get_session($tls->_get_ssl_object)), 0, 'tickets allow no early data'
        if defined &Net::SSLeay::SESSION_get_max_early_data;
};

story 'the certificate that somebody gets' => sub {
    my %trust = (SSL_verify_mode => SSL_VERIFY_PEER, SSL_ca_file => "$dir/root.pem");
    for my $version (qw(TLSv1_2 TLSv1_3)) {
        my $tls = tls(%trust, SSL_version => $version);
        ok $tls, "$version: who knows only the root can check the chain" or diag $SSL_ERROR;
        is $tls && scalar(my @chain = $tls->peer_certificates), 2, '... of two';
    }
    for my $sigs (qw(ECDSA+SHA256 RSA-PSS+SHA256)) {
        for my $version (qw(tls1_2 tls1_3)) {
            my ($kind) = $sigs =~ /^(ECDSA|RSA)/;
            like s_client("-$version -sigalgs $sigs"), qr/Peer signature type: \Q$kind\E/, "$version, who knows $sigs gets $kind";
        }
    }
    my %is = ('b.test' => 'b.test', 'a.test' => 'a.test', 'nobody.test' => 'a.test', '' => 'a.test');
    is tls(SSL_hostname => $_)->peer_certificate('commonName'), $is{$_}, ($_ || 'no name') . " gets $is{$_}" for sort keys %is;
    is answer(name => 'b.test'), 'refused', 'a host with minimum-version 1.3 refuses 1.2';
    is answer(name => 'a.test'), 'suite c02b', '... and its neighbour does not';
    is tls(SSL_alpn_protocols => ['h2', 'http/1.1'], SSL_hostname => $_)->alpn_selected, 'h2', "h2 for $_" for qw(a.test b.test);
    like $server->log, qr{event=certificate-not-valid file=\S+/late\.pem said-at=\S+:\d+ why="it has expired"}, 'who expired is in the log';
};

# -- sessions --

# a handshake with Net::SSLeay and perhaps a session; gives whether it resumed, and a session for the next
sub resume ($version, $session = undef, $name = 'a.test') {
    my $ctx = Net::SSLeay::CTX_new();
    Net::SSLeay::CTX_set_min_proto_version($ctx, $version);
    Net::SSLeay::CTX_set_max_proto_version($ctx, $version);
    my $ssl = Net::SSLeay::new($ctx);
    my $tcp = tcp();
    Net::SSLeay::set_fd($ssl, fileno $tcp);
    Net::SSLeay::set_tlsext_host_name($ssl, $name);
    Net::SSLeay::set_session($ssl, $session) if $session;
    Net::SSLeay::connect($ssl) == 1 or die 'no handshake: ' . Net::SSLeay::print_errs();
    Net::SSLeay::write($ssl, "GET /healthz HTTP/1.1\r\nHost: $name\r\n\r\n");
    Net::SSLeay::read($ssl) =~ m{^HTTP/1\.1 200} or die 'no answer';
    my @gives = (Net::SSLeay::session_reused($ssl), Net::SSLeay::get1_session($ssl));
    Net::SSLeay::shutdown($ssl);
    Net::SSLeay::free($ssl);
    Net::SSLeay::CTX_free($ctx);
    return @gives;
}

sub reload ($how = 'certificate-loaded') {
    my $count = sub { scalar(() = $server->log =~ /event=$how/g) };
    my $before = $count->();
    kill HUP => $server->pid;
    wait_until $how, sub { $count->() > $before };
}

story 'sessions resume' => sub {
    for my $version (Net::SSLeay::TLS1_2_VERSION(), Net::SSLeay::TLS1_3_VERSION()) {
        my $what = sprintf '%04x', $version;
        my ($resumed, $session) = resume($version);
        ok !$resumed, "$what: the first is new";
        my @resumed = map { (resume($version, $session))[0] } 1 .. 10;
        is "@resumed", join(' ', (1) x 10), "$what: ten more resume, on whatever worker";
        reload();
        @resumed = map { (resume($version, $session))[0] } 1 .. 4;
        is "@resumed", '1 1 1 1', "$what: ... and after a reload";
    }
};

story 'OCSP' => sub {
    my $stapled = sub ($sigs = 'ECDSA+SHA256') {
        my $said = s_client("-status -sigalgs $sigs");
        return $said =~ /OCSP Response Status: successful/ ? 'stapled' : $said =~ /no response sent/ ? 'nothing' : $said;
    };
    is $stapled->(),                 'stapled', 'a good response is stapled';
    is $stapled->('RSA-PSS+SHA256'), 'nothing', '... not to the other certificate';
    my @bad = (
        ['it has expired'               => sub { ocsp('ec.der', $ec, edit => sub { s/20\d\d(?=\d{10}Z)/2001/g }) }],
        ['not signed by'                => sub { ocsp('ec.der', $ec, edit => sub { s/(\xa0\x11\x18\x0f20)\d\d/${1}99/ }) }],
        ['about another certificate'    => sub { ocsp('ec.der', $strict) }],
        ['does not say that .* is good' => sub { ocsp('ec.der', $ec, revoked => 1) }],
        ['another certificate'          => sub { ocsp('ec.der', $ec, by => 'stranger') }],
        ['no OCSP response'             => sub { write_file('ec.der', 'junk') }],
        ['No such file'                 => sub { unlink "$dir/ec.der" }]
    );
    for my $case (@bad) {
        my ($why, $make) = @$case;
        my $said = sub { scalar(() = $server->log =~ /event=ocsp-not-stapled .*why="[^"]*$why/g) };
        my $before = $said->();
        $make->();
        reload();
        wait_until "the log says: $why", sub { $said->() > $before };
        is $stapled->(), 'nothing', "$why: not stapled";
    }
    ocsp('ec.der', $ec);
    wait_until 'a new file is found without a signal', sub { $stapled->() eq 'stapled' };
    pass 'a new file is found without a signal';
};

# -- bad days --

story 'a silent one, and new certificates' => sub {
    my @silent = map { tcp() } 1 .. 4;
    is ask(tls()), 200, 'the server has taken them';
    reload();
    is ask(tls(socket => $_)), 200, 'who says its first word after a reload is heard' for @silent;
};

story 'half a handshake' => sub {
    my @half = map { tcp() } 1 .. 3;
    my $hello = hello();
    syswrite $half[1], substr $hello, 0, 50;
    syswrite $half[2], $hello;
    my $start = time;
    for my $i (0 .. $#half) {
        my $open = 1;
        while ($open && IO::Select->new($half[$i])->can_read(limit(10))) { $open = sysread $half[$i], my $bytes, 65536 }
        ok !$open, (qw(nothing half all))[$i] . ' of a ClientHello, and then silence: closed';
    }
    cmp_ok time - $start, '<', limit(8), 'in time';
};

story 'a flood of handshakes' => sub {
    my $other = tls();
    is ask($other), 200, 'somebody is there';
    my $hello = hello();
    my (@flood, @took);
    for (1 .. 200) {
        push @flood, tcp();
        syswrite $flood[-1], $hello;
        next if $_ % 2;
        my $start = time;
        is ask($other), 200, 'answered' if ask($other) ne 200;
        push @took, (time - $start) * 1000;
    }
    @took = sort { $a <=> $b } @took;
    cmp_ok $took[98], '<', limit(100), sprintf '200 half handshakes: a request takes %.1f ms, p99 %.1f ms', @took[50, 98];
};

story 'the end of a connection' => sub {
    for my $version (qw(TLSv1_2 TLSv1_3)) {
        my $tls = tls(SSL_version => $version);
        print $tls "GET /healthz HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        my $said = join '', readline $tls;
        like $said, qr{^HTTP/1\.1 200}, "$version: an answer";
        ok Net::SSLeay::get_shutdown($tls->_get_ssl_object) & Net::SSLeay::RECEIVED_SHUTDOWN(), '... and close_notify behind it';
    }
};

# a connection whose bytes are ours to send: gives the socket, the SSL, and what to call for the bytes to be sent
sub by_hand ($version) {
    my $ctx = Net::SSLeay::CTX_new();
    Net::SSLeay::CTX_set_max_proto_version($ctx, $version);
    my $ssl = Net::SSLeay::new($ctx);
    my ($in, $out) = map { Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem()) } 1 .. 2;
    Net::SSLeay::set_bio($ssl, $in, $out);
    Net::SSLeay::set_tlsext_host_name($ssl, 'a.test');
    my $tcp  = tcp();
    my $take = sub { my $bytes = ''; while (Net::SSLeay::BIO_pending($out)) { $bytes .= Net::SSLeay::BIO_read($out) } $bytes };
    until (Net::SSLeay::connect($ssl) == 1) {
        syswrite $tcp, $take->();
        sysread $tcp, my $bytes, 65536 or die 'no handshake';
        Net::SSLeay::BIO_write($in, $bytes);
    }
    syswrite $tcp, $take->();
    return {tcp => $tcp, ssl => $ssl, ctx => $ctx, take => $take};
}

story 'what follows a request in its segment' => sub {
    my %tail = (
        'an alert in clear'  => sub ($c) {"\x15\x03\x03\x00\x02\x02\x28"},
        'close_notify'       => sub ($c) { Net::SSLeay::shutdown($c->{ssl}); $c->{take}->() },
        'half a record'      => sub ($c) { Net::SSLeay::write($c->{ssl}, 'GET /'); substr $c->{take}->(), 0, 9 },
        'a record of junk'   => sub ($c) { "\x17\x03\x03\x00\x40" . 'j' x 64 },
        'too long a record'  => sub ($c) {"\x17\x03\x03\xff\xff"},
        'no TLS at all'      => sub ($c) {"GET / HTTP/1.1\r\n\r\n"},
    );
    for my $what (sort keys %tail) {
        for my $version (Net::SSLeay::TLS1_2_VERSION(), Net::SSLeay::TLS1_3_VERSION()) {
            my $c = by_hand($version);
            Net::SSLeay::write($c->{ssl}, "GET /healthz HTTP/1.1\r\nHost: a.test\r\n\r\n");
            my $request = $c->{take}->();
            syswrite $c->{tcp}, $request . $tail{$what}->($c);
            shutdown $c->{tcp}, 1;
            my $open = 1;
            while ($open && IO::Select->new($c->{tcp})->can_read(limit(10))) { $open = sysread $c->{tcp}, my $bytes, 65536 }
            ok !$open, sprintf '%04x, %s: let go', $version, $what;
            Net::SSLeay::free($c->{ssl});
            Net::SSLeay::CTX_free($c->{ctx});
        }
    }
    is ask(tls()), 200, 'the server is there';
};

story 'new certificates under load' => sub {
    my @old = map { tls(SSL_version => $_) } qw(TLSv1_2 TLSv1_3);
    is ask($_), 200, 'somebody is there' for @old;
    my @children = map {
        pipe my $from, my $to or die;
        my $pid = fork // die;
        if (!$pid) {    # until nobody reads what it says
            $SIG{PIPE} = 'DEFAULT';
            close $from;
            while (1) {
                my $tls = tls();
                syswrite $to, $tls && ask($tls) eq 200 ? '.' : "failed: $SSL_ERROR ";
            }
        }
        {pid => $pid, from => $from, said => ''};
    } 1 .. 2;
    my $said = sub {
        for my $child (@children) {
            sysread $child->{from}, $child->{said}, 65536, length $child->{said} while IO::Select->new($child->{from})->can_read(0);
        }
        return join '', map { $_->{said} } @children;
    };
    my $rounds = $server->sanitized ? 4 : 10;
    for my $round (1 .. $rounds) {
        save('ec', $round % 2 ? $next : $ec, $between);
        reload();
        my $before = length $said->();
        wait_until 'some handshakes', sub { length $said->() >= $before + 6 };
    }
    write_file('ec.pem', "junk\n");
    reload('certificate-kept');
    my $is = sub { hex Net::SSLeay::P_ASN1_INTEGER_get_hex(Net::SSLeay::X509_get_serialNumber(shift->peer_certificate)) };
    is $is->(tls()), ($rounds % 2 ? $next : $ec)->{serial}, 'a broken file keeps the last good one';
    like $said->(), qr/^\.+$/, 'certificates changed ' . $rounds . ' times, and of ' . length($said->()) . ' handshakes none failed';
    close $_->{from} for @children;
    kill KILL => map { $_->{pid} } @children;
    waitpid $_->{pid}, 0 for @children;
    is ask($_), 200, 'who was there before still is' for @old;
    save('ec', $ec, $between);
    reload();
};

# -- what does not start --

story 'certificates that are refused' => sub {
    save('weak', certify('weak.test', key => KEY_create_rsa(1024)));
    my $try = sub ($listen) {
        my $file = "$dir/bad.yaml";
        my %config = ('chatterbox.database' => ':memory:', 'chatterbox.token-secret-file' => "$dir/secret", hosts => {'a.test' => {%healthz, listen => $listen}});
        open my $out, '>', $file or die;
        print $out Chatterbox::yaml(\%config, '');
        close $out;
        my $said = qx(${\ $server->binary} -c $file -t 2>&1);
        return ($? >> 8) . " $said";
    };
    like $try->($listen->('weak')), qr/^1 \[\S+bad\.yaml:\d+\] .*weak\.pem: .*key too small/, 'an RSA key of 1024 bits';
    save('two', certify('a.test'));
    like $try->([$listen->('ec'), $listen->('two')]), qr/^1 \[\S+bad\.yaml:\d+\] .*one of each kind/, 'two certificates of one kind';
    like $try->([$listen->('ec'), $listen->('rsa', 'minimum-version' => 'TLSv1.3')]), qr/^1 \[\S+bad\.yaml:\d+\] .*make them equal/,
        'two with other versions';
    copy("$dir/two.pem", "$dir/ec-other.pem");
    copy("$dir/ec.key",  "$dir/ec-other.key");
    like $try->([$listen->('ec'), $listen->('ec-other')]), qr/^1 \[\S+bad\.yaml:\d+\] .*does not fit/, 'a key of another certificate';
    like $try->([$listen->('ec'), $listen->('ec')]), qr/configuration OK/, 'the same twice is there once';
};

$server->stop;
done_testing;
