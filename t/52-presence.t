# Who is online, who types, who has read: leases, signs and marks.
use v5.36;
use Test::More;
use Chatterbox;
use Time::HiRes qw(time);

my $server  = Chatterbox->start('num-threads' => 2);
my $watcher = $server->connect('watcher');

sub told ($key, $name) { scalar grep { grep { $_ eq $name } @{$_->{$key} // []} } $watcher->frames('presence') }

story 'two tabs are one user, and a reload is no leaving' => sub {
    my $bob = $server->connect('bob');
    $watcher->until(sub { told(online => 'bob') });
    my $tab = $bob->twin;
    $bob->leave;
    $tab->leave;
    my $back = $server->bearer('bob', $bob->token)->join;
    my $until = time + 6;    # longer than the grace
    $watcher->until(sub { time > $until }, limit(10));
    is told(online => 'bob'),  1, 'he came once';
    is told(offline => 'bob'), 0, '... and never went';
    $back->leave;
    $watcher->until(sub { told(offline => 'bob') }, limit(10));
    is told(offline => 'bob'), 1, 'now he did';
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
