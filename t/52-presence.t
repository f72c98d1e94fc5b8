# Who is online, who types, who has read: leases, signs and marks.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON ();
use Time::HiRes qw(time);

my $server  = Chatterbox->start('num-threads' => 2);
my $watcher = $server->connect('watcher');

sub told ($key, $name) { scalar grep { grep { $_ eq $name } @{$_->{$key} // []} } $watcher->frames('presence') }

# A grace takes 5 s. While bob's goes on, other stories are told; and this one to its end further down.
my ($back, $came_back);

story 'two tabs are one user, and a reload is no leaving' => sub {
    my $bob = $server->connect('bob');
    $watcher->until(sub { told(online => 'bob') });
    my $tab = $bob->twin;
    $bob->leave;
    $tab->leave;
    $back = $server->bearer('bob', $bob->token)->join;
    $came_back = time;
    is told(online => 'bob'), 1, 'he came once';
};

story 'typing' => sub {
    my $ada = $server->connect('ada');
    $ada->send({type => 'typing', room => 1}) for 1 .. 10;
    my $sign = $watcher->next_frame(type => 'typing');
    is_deeply [@$sign{qw(room username for)}], [1, 'ada', 5], 'others see it';
    $ada->ack($ada->say('said'));
    $watcher->until(sub { grep { $_->{message}{text} eq 'said' } $watcher->frames('message') });
    is scalar(grep { $_->{username} eq 'ada' } $watcher->frames('typing')), 1, 'said ten times in a moment, told once';
    $ada->send({type => 'typing', room => 99, cid => 't'});
    is $ada->next_frame(type => 'error')->{code}, 'not_found', 'not where one is not';
    $ada->send({type => 'typing', room => 1});
    $watcher->until(sub { 2 == grep { $_->{username} eq 'ada' } $watcher->frames('typing') });
    $ada->leave;
    $watcher->until(sub { grep { $_->{username} eq 'ada' && $_->{for} == 0 } $watcher->frames('typing') });
    pass 'who goes types no longer';
};

# -- presence as a client has it: the names of welcome, changed by what follows. Where a frame has no names nobody's are
# known, until there is one with names again.

sub roster ($client) {
    my %there = map { $_ => 1 } @{$client->welcome->{online}};
    for my $frame ($client->frames('presence')) {
        %there = () if !$frame->{online};
        $there{$_} = 1 for @{$frame->{online} // []};
        delete @there{@{$frame->{offline} // []}};
    }
    return join ' ', sort keys %there;
}

sub online_count ($client) { (map { $_->{online_count} } $client->welcome, $client->frames('presence'))[-1] }

# notes when each name is told as gone; returns the table that it fills
sub clock_of ($client) {
    my %gone_at;
    $client->{tx}->on(text => sub ($tx, $bytes) {
        my $frame = Mojo::JSON::decode_json($bytes);
        $gone_at{$_} = time for $frame->{type} eq 'presence' ? @{$frame->{offline} // []} : ();
    });
    return \%gone_at;
}

# what is in the database, and how often the server has committed something
sub written ($server) {
    my $db   = $server->db;
    my $rows = '';
    for my $table (@{$db->selectcol_arrayref("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")}) {
        $rows .= Mojo::JSON::encode_json([$table, $db->selectall_arrayref(qq{SELECT * FROM "$table" ORDER BY 1, 2})]);
    }
    $db->disconnect;
    return {rows => $rows, commits => ($server->get('/metrics')->body =~ /^chatterbox_commits\S* (\d+)/m)[0]};
}

# All that may change the database is over when they come: they have their accounts and sessions.
story 'twenty come and go at once; two of them die silently; nobody writes it down' => sub {
    my $own      = Chatterbox->start('num-threads' => 2, 'chatterbox.ping-interval' => 1);
    my $observer = $own->connect('observer');
    my $gone_at  = clock_of($observer);
    my @people   = map { $own->account("p$_")->open } 1 .. 20;
    my %name     = map { $_->name => 1 } @people;
    my $before   = written($own);

    my $start = time;
    for my $i (0 .. $#people) {
        wait_until 'the next one comes', sub { time >= $start + 0.005 * $i };
        $people[$i]->hello;
    }
    $_->joined for @people;
    my $took   = time - $start;
    my $frames = sub ($key) { my @f = grep { @{$_->{$key} // []} } $observer->frames('presence'); @f };
    $observer->until(sub { 20 == grep { $name{$_} } map { @{$_->{online}} } $frames->('online') });
    my $n    = () = $frames->('online');
    my $most = 2 + int($took / 0.25);
    ok $n <= $most, sprintf '20 come within %.0f ms: told in %d frames, of at most %d', $took * 1000, $n, $most;
    is online_count($observer), 21, 'all are counted';
    is_deeply [sort map { grep { $name{$_} } @{$_->{online}} } $frames->('online')], [sort keys %name], 'each is told once';

    # Dead connections are still open as far as anybody can tell, but answer nothing. Six of them say their last word at
    # several points between two looks of the server, since it must not matter when that was.
    my @silent = map { Chatterbox::Raw->join($own, $people[0]) } 1 .. 6;
    my $joined = time;
    my @since;
    for my $i (0 .. $#silent) {
        my $at = $joined + 0.1 + $i * 0.16;
        wait_until 'its time has come', sub { time >= $at };
        $silent[$i]->json({type => 'ping'});
        $silent[$i]->next('pong');
        $since[$i] = time;
    }
    my @mute = @people[18, 19];
    my $left = time;
    $_->stop_reading for @mute;
    $_->leave for @people[0 .. 17];

    my %ended;
    wait_until 'the dead connections are ended', sub {
        for my $i (grep { !$ended{$_} } 0 .. $#silent) { $ended{$i} = time - $since[$i] if $silent[$i]->ended_by_now }
        return keys %ended == @silent;
    };
    my ($first, $last) = (sort { $a <=> $b } values %ended)[0, -1];
    ok $last <= 2 + limit(0.3), sprintf 'a silent connection is ended within two intervals of 1 s: the last after %.2f s', $last;
    ok $first >= 0.95, sprintf '... and has one to answer: the first after %.2f s', $first;

    $observer->until(sub { !grep { !$gone_at->{$_} } keys %name }, 15);
    my @left = map { $gone_at->{$_->name} - $left } @people[1 .. 17];
    my @died = map { $gone_at->{$_->name} - $left } @mute;
    my @range = (sort { $a <=> $b } @left)[0, -1];
    ok $range[0] >= 4.9 && $range[1] <= 5.5 + limit(0.5), sprintf 'who leaves is offline after the grace of 5 s: %.2f to %.2f s', @range;
    ok !(grep { $_ > 2 + 5 + 0.25 + limit(0.5) } @died), sprintf 'who died silently, two intervals later at most: %.2f s', $died[-1];
    ok 6 >= (() = $frames->('offline')), 'told in ' . (() = $frames->('offline')) . ' frames';
    is roster($observer), 'observer', 'nobody else is there';
    is online_count($observer), 1, '... or counted';
    ok $observer->is_open, 'who answers the pings, stays';

    is_deeply written($own), $before, 'nothing was written to the database';
    $observer->ack($observer->say('this is'));
    my $after = written($own);
    is $after->{commits}, $before->{commits} + 1, '... and what is, is counted';
    isnt $after->{rows}, $before->{rows}, '... and seen';
    $own->stop;
};

story 'two tabs, a while later' => sub {
    $watcher->until(sub { time > $came_back + 6 }, 10);    # longer than the grace
    is told(online => 'bob'),  1, 'he came once';
    is told(offline => 'bob'), 0, '... and never went';
    $back->leave;
};

# The names are no plain numbers, so that their order is that of names, whatever their case.
sub name_of ($i) { (qw(a B c_ D- e. F0))[$i % 6] . $i }

sub crowd ($server, $from, $to) {
    return map { my $guest = $server->guest(name_of($_)); [$guest->name, Chatterbox::Raw->join($server, $guest)] } $from .. $to;
}

story 'more than 500: names are left out, and can be asked for' => sub {
    my $own     = Chatterbox->start('num-threads' => 2);
    my $ada     = $own->connect('ada');
    my @crowd   = crowd($own, 1, 499);
    my $is_told = sub ($n) { $ada->until(sub { online_count($ada) == $n }, 15) };
    my $names   = sub { join ' ', sort 'ada', map { $_->[0] } @crowd };
    $is_told->(500);
    is roster($ada), $names->(), 'of 500 all names are known';
    is scalar(@{$ada->twin->welcome->{online}}), 500, '... and are in a welcome';
    my @many = crowd($own, 500, 502);
    $is_told->(503);
    my $frame = ($ada->frames('presence'))[-1];
    is_deeply $frame, {type => 'presence', online_count => 503}, 'of 503 only the count is told';
    my $welcome = $ada->twin->welcome;
    is_deeply [@$welcome{qw(online online_count)}], [[], 503], '... and in a welcome';
    push @crowd, @many;

    for my $limit (200, 50, 7) {
        my ($after, @pages, $page) = '';
        do {
            my $from = length $after ? "&after=$after" : '';
            $page = $ada->get("/api/rooms/1/members?online=1&limit=$limit$from")->json;
            push @pages, [map { $_->{username} } @{$page->{members}}];
            $after = $pages[-1][-1];
        } while $page->{more} && @pages < 200;
        my @all = map { @$_ } @pages;
        is join(' ', sort @all), $names->(), "asked for by $limit: every name, once";
        is join(' ', @all), join(' ', sort { lc $a cmp lc $b } @all), '... in order';
        is scalar(grep { @$_ != $limit } @pages[0 .. $#pages - 1]), 0, '... on full pages';
    }
    is_deeply [grep { !$_->{online} } @{$ada->get('/api/rooms/1/members?online=1&limit=200')->json->{members}}], [], 'each is online';

    # Of those who go some came when names were told, and some later.
    my @gone = (splice(@crowd, 100, 4), splice(@crowd, -2));
    $_->[1]{socket}->close for @gone;
    $is_told->(497);
    my ($eve) = crowd($own, 600, 600);
    push @crowd, $eve;
    $is_told->(498);
    is roster($ada), $names->(), 'fewer again: the names that are known are those of all who are there';
    my $late = $ada->twin;
    is join(' ', sort @{$late->welcome->{online}}), $names->(), '... as in a welcome';
    is_deeply $ada->wrong, [], 'no promise was broken';
    $own->stop;
};

story 'two tabs, in the end' => sub {
    $watcher->until(sub { told(offline => 'bob') }, 10);
    is told(offline => 'bob'), 1, 'now he did';
};

story 'reading marks' => sub {
    my ($eve, $fay) = map { $server->connect($_) } qw(eve fay);
    my @ids = map { $_->{id} } map { $eve->ack($eve->say("r$_")) } 1 .. 3;
    my $marks = sub { my @m = grep { $_->{username} eq 'fay' } $eve->frames('read'); map { $_->{id} } @m };
    $fay->send({type => 'read', room => 1, id => $ids[1]});
    $eve->until(sub { () = $marks->() });
    $fay->send({type => 'read', room => 1, id => $ids[0]});
    $fay->send({type => 'read', room => 1, id => $ids[1]});
    $fay->send({type => 'read', room => 1, id => $ids[2] + 1000});
    is $fay->next_frame(type => 'error')->{code}, 'not_found', 'not past the newest';
    $fay->send({type => 'read', room => 1, id => $ids[2]});
    $eve->until(sub { 2 == (() = $marks->()) });
    is_deeply [$marks->()], [@ids[1, 2]], 'forward only, each once';
    $server->kill9;
    $server->launch;
    my ($general) = grep { $_->{id} == 1 } @{$server->connect('gus')->welcome->{rooms}};
    is_deeply [grep { $_->[0] eq 'fay' } @{$general->{marks}}], [['fay', $ids[2]]], 'and they survive a kill -9';
};

$server->stop;
done_testing;
