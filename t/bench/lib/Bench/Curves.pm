package Bench::Curves;

# Bench::Curves -- what one more costs: one more room, worker, receiver, message of history. A row for each point; flat,
# flat, linear (the cost of each is flat), flat is what is promised.

use v5.36;
use utf8;

use Bench;
use Bench::Http qw(bearer);
use Bench::Load;
use Bench::Report;
use Bench::Servers;
use Exporter qw(import);
use IO::Socket::IP;
use JSON::PP;
use Time::HiRes qw(time);

our @EXPORT = qw(curves);

# CPU us of the server for each message
sub cpu_a_message ($got) {
    my $acked = ($got->{acked_per_s} // 0) * ($got->{seconds} // 0);
    return $acked ? $got->{server_cpu_s} * 1e6 / $acked : undef;
}

# the medians of the rounds: for each key of what `$do` gives
sub point (@rounds) {
    my %median;
    for my $key (map { keys %$_ } @rounds) { $median{$key} //= median(map { $_->{$key} } @rounds) }
    return \%median;
}

# a table of the curve, and the numbers for the plot: [x, {key => y}], in the order of `$xs`
sub curve ($name, $title, $head, $xs, $rounds, @keys) {
    my @points = map { [$_, point($rounds->{$_}->@*)] } @$xs;
    $result{curves}{$name} = \@points;
    table "curves: $title", $head, map { my ($x, $y) = @$_; [commas($x), map { about($y->{$_}) } @keys] } @points;
}

# -- rooms --

# each room has one member, who is heard by nobody else, so that only the number of rooms differs
sub rooms {
    my ($rate, @counts) = (1000, 1, 16, 256, 4096);
    my $rounds = alternate(\@counts, sub ($rooms, $round) {
        my $server = chatterbox();
        my $got    = load($server, "$rooms rooms, $rate messages/s in all", '-m', $rooms, '-R', $rooms, '-r', $rate) // {};
        done($server);
        return {cpu => cpu_a_message($got), ack_p50 => $got->{ack_p50_ms}, ack_p99 => $got->{ack_p99_ms}};
    });
    curve 'rooms', "rooms with a member each, $rate messages/s in all", ['rooms', 'CPU µs a message', 'ack p50 ms', 'p99 ms'],
        \@counts, $rounds, qw(cpu ack_p50 ack_p99);
}

# -- workers --

sub workers {
    my @counts = (1, 2);
    my $rounds = alternate(\@counts, sub ($workers, $round) {
        my $server = chatterbox(threads => $workers, core => undef);
        my $paced  = fan_out($server, "$workers workers, 50 messages/s to 1,000", 1000, '-r', 50) // {};
        my $full   = fan_out($server, "$workers workers, 16 in flight to 1,000",  1000, '-k', 16) // {};
        done($server);
        return {cpu => $paced->{server_cpu_us_per_delivery}, deliveries => $full->{deliveries_per_s}};
    });
    curve 'workers', 'workers, one speaks and 1,000 hear it', ['workers', 'CPU µs a delivery at 50/s', 'deliveries/s, 16 in flight'],
        \@counts, $rounds, qw(cpu deliveries);
    note 'The server is on all cores here, and shares one of them with the load.';
}

# -- receivers --

# 50,000 deliveries/s each time
sub receivers {
    my @counts = (100, 1000, 10_000);
    my @names  = available('chatterbox', 'floor each');
    my $rounds = alternate(\@counts, sub ($count, $round) {
        my %got;
        for my $name (@names) {
            my $server = server($name);
            my $rate   = 50_000 / $count;
            my $load   = fan_out($server, "$rate messages/s to " . commas($count), $count, '-r', $rate, '-w', 1) // {};
            $got{$name} = $load->{server_cpu_us_per_delivery};
            done($server);
        }
        return \%got;
    });
    curve 'receivers', 'receivers, 50,000 deliveries/s', ['receivers', map {"CPU µs a delivery, $_"} @names], \@counts, $rounds, @names;
}

# -- history --

# a database with so many messages in the room general, as if they had been said long ago
sub prefill ($dir, $count) {
    my $db = DBI->connect("dbi:SQLite:dbname=$dir/chat.db", q(), q(), {RaiseError => 1, AutoCommit => 1});
    my ($user) = $db->selectrow_array('SELECT min(id) FROM users');
    $db->do('PRAGMA synchronous = OFF');
    $db->begin_work;
    $db->do('WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < CAST(?1 AS INTEGER))
        INSERT INTO messages (username, message, timestamp, date, room_id, user_id, rev, cid)
        SELECT ?2, printf(\'%.64c\', \'x\'), 1700000000000 + i, \'2023-11-14\', 1, ?3, i, \'p-\' || i FROM n',
        undef, $count, 'bench', $user);
    $db->do('UPDATE rooms SET rev = ? WHERE id = 1', undef, $count);
    $db->commit;
    $db->disconnect;
}

sub old_server ($count) {
    my $young = chatterbox();
    my $token = bearer($young);
    done($young);
    prefill($young->{dir}, $count);
    return (chatterbox(dir => $young->{dir}), $token);
}

# a text frame of less than 64 kB, masked with zeros
sub frame ($text) {
    my $length = length $text;
    return pack($length < 126 ? 'CCx4a*' : 'CCnx4a*', 0x81, $length < 126 ? 0x80 | $length : (0xfe, $length), $text);
}

# reads until `$like` has come in what is left over from the last time and what comes
sub read_until ($socket, $rest, $like) {
    until ($$rest =~ s/\A.*?$like//s) {
        $socket->sysread($$rest, 65536, length $$rest) or die "the server has gone away\n";
    }
}

# how long the first hello takes in ms, and what each of so many that follow on the same connection: ms, and CPU us
# of the server
sub hellos ($server, $token) {
    my $count  = 500;
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $server->{port}) or die "connect: $@";
    my $rest   = '';
    $socket->syswrite(join "\r\n", 'GET /ws HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade',
        'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', "Authorization: Bearer $token", '', '');
    read_until($socket, \$rest, qr/\r\n\r\n/);
    my ($cpu, @took);
    for (0 .. $count) {
        $cpu = cpu_of($server->{pid}) if $_ == 1;
        my $from = time;
        $socket->syswrite(frame('{"type":"hello"}'));
        read_until($socket, \$rest, qr/"type":"history".*?\]\}/);
        push @took, 1000 * (time - $from);
    }
    my $first = shift @took;
    return {hello_cpu => (cpu_of($server->{pid}) - $cpu) * 1e6 / $count, first_ms => $first, hello_ms => median(@took)};
}

sub history {
    return warn "without the curve of history: apt-get install libdbd-sqlite3-perl\n" unless eval { require DBI; require DBD::SQLite };
    my ($rate, @counts) = (1000, 100, 10_000, 1_000_000);
    my $rounds = alternate(\@counts, sub ($count, $round) {
        my ($server, $token) = old_server($count);
        my $hello = in_peace("chatterbox, hellos with $count messages of history", sub { hellos($server, $token) });
        my $said  = load($server, "$rate messages/s after " . commas($count), '-m', 16, '-r', $rate) // {};
        done($server);
        unlink glob "$server->{dir}/chat.db*";
        return {%$hello, cpu => cpu_a_message($said), ack_p50 => $said->{ack_p50_ms}};
    });
    curve 'history', "a room's history, 16 senders, $rate messages/s in all",
        ['messages', 'first hello ms', 'CPU µs a hello', 'hello p50 ms', 'CPU µs a message', 'ack p50 ms'], \@counts, $rounds, qw(first_ms hello_cpu hello_ms cpu ack_p50);
}

sub curves { rooms(); workers(); receivers(); history() }

1;
