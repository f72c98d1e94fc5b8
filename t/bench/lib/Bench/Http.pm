package Bench::Http;

# Bench::Http -- requests a second, and what each costs the server: files next to H2O and nginx of the distribution,
# logging in, and a page of history.

use v5.36;
use utf8;

use Bench;
use Bench::Load;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);
use HTTP::Tiny;
use JSON::PP;
use POSIX qw(ceil);

our @EXPORT = qw(http bearer);

# {requests/s, CPU us a request} of a program that asks the server; `$read` finds the first in what it prints
sub asked ($server, $what, $read, @command) {
    my $cpu = cpu_of($server->{measured});
    my $out = in_peace("$server->{name}, $what", sub { capture({}, @command) });
    $cpu = cpu_of($server->{measured}) - $cpu;
    my ($rate, $requests, $failed) = $read->($out);
    die "$command[0]: $out" unless $requests;
    warn "  $server->{name}, $what: $failed\n" if $failed;
    return {requests_per_s => $rate, cpu_us => $cpu * 1e6 / $requests};
}

sub wrk ($server, $what, $path, @more) {
    my ($script, @arguments) = map { ref ? @$_ : () } @more;
    my $read = sub ($out) {
        return ($out =~ m{Requests/sec:\s+([\d.]+)})[0], ($out =~ /(\d+) requests in/)[0], ($out =~ /(Non-2xx.*|Socket errors.*)/)[0];
    };
    return asked($server, $what, $read, 'wrk', '-t1', '-c50', "-d@{[ceil($opt{seconds})]}s", grep({ !ref } @more),
        $script ? ('-s', $script) : (), "http://127.0.0.1:$server->{port}$path", @arguments ? ('--', @arguments) : ());
}

# HTTP/2 over TLS, ten at a time on each of 50 connections
sub h2load ($server, $what, $path) {
    my $read = sub ($out) {
        my ($good, $failed) = $out =~ /(\d+) succeeded, (\d+) failed/;
        return ($out =~ m{([\d.]+) req/s})[0], $good, $failed ? "$failed failed" : undef;
    };
    return asked($server, $what, $read, 'h2load', '-t1', '-c50', '-m10', '-D', ceil($opt{seconds}),
        "https://127.0.0.1:$server->{tls_port}$path");
}

# logs a guest in; his token
sub bearer ($server, $name = 'bench') {
    my $login = HTTP::Tiny->new->post("http://127.0.0.1:$server->{port}/api/login",
        {headers => {'Content-Type' => 'application/json'}, content => encode_json({username => $name})});
    die "login: $login->{status} $login->{content}\n" unless $login->{status} == 200;
    return decode_json($login->{content})->{token};
}

# says 200 things, so that a page of history is a full one; the header that lets wrk in
sub fill_room ($server) {
    my $header  = 'Bearer ' . bearer($server);
    my $http    = HTTP::Tiny->new(default_headers => {'Content-Type' => 'application/json', Authorization => $header});
    for my $i (1 .. 200) {
        my $content = encode_json({cid => "b-$i", text => 'x' x 64});
        my $said    = $http->post("http://127.0.0.1:$server->{port}/api/rooms/1/messages", {content => $content});
        die "message: $said->{status} $said->{content}\n" unless $said->{status} == 201;
    }
    return "Authorization: $header";
}

# what => [whom, how]; in this order
sub plans ($header) {
    my $lua = "$opt{root}/t/bench/peers/login.lua";
    return (
        [file => 'a file of 1 KB', ['h2o', 'nginx', 'chatterbox'], sub ($server, $round) {
            wrk($server, 'a file of 1 KB', '/1k.txt');
        }],
        has('h2load') ? [h2 => 'the same by HTTP/2 over TLS', ['h2o', 'chatterbox'], sub ($server, $round) {
            h2load($server, 'a file of 1 KB by HTTP/2', '/1k.txt');
        }] : (),
        [login => 'a guest logs in', ['chatterbox'], sub ($server, $round) {
            wrk($server, 'guests log in', '/api/login', [$lua, "round$round"]);
        }],
        [history => '50 messages of history', ['chatterbox'], sub ($server, $round) {
            wrk($server, 'history', '/api/rooms/1/messages?limit=50', '-H', $header);
        }]);
}

sub rows ($what, $names, $rounds) {
    my $rate = sub ($round) { $round->{requests_per_s} };
    return map {
        my $mine = $rounds->{$_};
        ["$what, $_", commas(median(map { $rate->($_) } @$mine)), about(median(map { $_->{cpu_us} } @$mine), 1),
            $rounds->{h2o} && $_ ne 'h2o' ? about(ratio($mine, $rounds->{h2o}, $rate)) : ''];
    } @$names;
}

sub http {
    return warn "without http: apt-get install wrk\n" unless has('wrk');
    warn "without HTTP/2: apt-get install nghttp2-client\n" unless has('h2load');
    my %server = map { $_ => $_ eq 'chatterbox' ? chatterbox(tls => 1) : server($_) } available('h2o', 'nginx', 'chatterbox');
    $server{$_}{name} //= $_ for keys %server;
    my @rows;
    for my $plan (plans(fill_room($server{chatterbox}))) {
        my ($name, $what, $whom, $how) = @$plan;
        my @there  = grep { $server{$_} } @$whom;
        my $rounds = alternate(\@there, sub ($one, $round) { $how->($server{$one}, $round) });
        $result{http}{$name} = $rounds;
        push @rows, rows($what, \@there, $rounds);
    }
    done($_) for values %server;
    table 'http: 50 connections, one worker each', ['', 'requests/s', 'CPU µs a request', '/ h2o'], @rows;
}

1;
