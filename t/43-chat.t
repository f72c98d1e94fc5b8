# The main job: say something, be heard, change it, take it back -- and find it all again.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(true false);
use Time::HiRes qw(time);

my $server = Chatterbox->start;
my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);

story 'welcome' => sub {
    my $welcome = $ada->welcome;
    is_deeply [@$welcome{qw(type v user)}], ['welcome', 1, $ada->user], 'who I am';
    is_deeply $ada->user, {id => $ada->user->{id}, username => 'ada', display_name => 'ada', guest => true}, '... a guest';
    ok length $welcome->{epoch}, 'an epoch';
    my $room = $welcome->{rooms}[0];
    is_deeply [@$room{qw(id kind name topic)}], [1, 'public', 'general', ''], 'the room that everybody is in';
    is_deeply [grep { !exists $room->{$_} } qw(rev last_id read_id unread marks)], [], '... with all its fields';
    is scalar @{$welcome->{rooms}}, 1, '... and no other';
    is $welcome->{limits}{text_bytes}, 16384, 'limits';
    ok abs($welcome->{now} / 1000 - time) < limit(20), 'now, in ms';
    ok scalar(grep { $_ eq 'ada' } @{$welcome->{online}}) && $welcome->{online_count} >= 1, 'I am online';
    my $page = $ada->page;
    is_deeply [@$page{qw(room rev messages)}], [1, $room->{rev}, []], 'a history without messages';
    ok !$page->{reset} && !$page->{more}, '... neither reset nor more';
};

story 'one speaks, both hear' => sub {
    my $cid = $ada->say('hi');
    my $ack = $ada->ack($cid);
    is_deeply [sort keys %$ack], [qw(cid id rev timestamp type)], 'the ack: fields as they should be, no dup';
    my ($here, $there) = map { $_->next_frame(type => 'message') } $ada, $bob;
    is_deeply $there, {type => 'message', room => 1, rev => $ack->{rev}, message => {
        id => $ack->{id}, room => 1, username => 'ada', text => 'hi', timestamp => $ack->{timestamp}, edited => false,
        deleted => false, rev => $ack->{rev}, cid => $cid}}, 'bob hears it';
    is_deeply $here, $there, 'ada hears the same';
    my @order = map { $_->{type} } grep { $_->{type} =~ /^(?:ack|message)$/ } $ada->frames;
    is_deeply \@order, [qw(ack message)], '... after the ack';
};

story 'many messages of both: one order' => sub {
    my @cids;
    for my $n (1 .. 100) { push @cids, $_->say($_->name . " $n", wait => 0) for $ada, $bob }
    $_->until(sub { !grep { !$ada->answered($_) && !$bob->answered($_) } @cids }, 30) for $ada;
    my $last = (sort { $b <=> $a } map { ($ada->{acks}{$_} // $bob->{acks}{$_})->{rev} } @cids)[0];
    $_->reaches($last) for $ada, $bob;
    my ($a, $b) = map {
        [map { [@$_{qw(type rev)}, $_->{message}{id}] } $_->frames('message')]
    } $ada, $bob;
    is_deeply $a, $b, 'the same events in the same order';
    for my $who ($ada, $bob) {
        my @own = map { $_->{message}{text} } grep { $_->{message}{text} =~ /^${\$who->name} \d/ } $ada->frames('message');
        is_deeply \@own, [map { $who->name . " $_" } 1 .. 100], $who->name . '\'s are in the order they were said';
    }
    is_deeply $ada->transcript, $server->transcript, 'as the database has them';
    is_deeply $ada->wrong, [], 'ada saw no promise broken';
    is_deeply $bob->wrong, [], '... nor did bob';
};

story 'texts arrive as they were written' => sub {
    my @texts = (
        "several\nlines\r\nof\ttext", "emoji \x{1f469}\x{200d}\x{1f680} and \x{1f1e9}\x{1f1ea}", "\x{10ffff}\x{10000}\x{ffff}\x{fffd}",
        "separators \x{2028}\x{2029}", '"quotes" \'and\' \\backslashes\\ \u0041 \n', '</script><script>alert(1)</script>', '<b>&amp;</b>',
        "\x{202e}backwards", "e\x{301} is not \x{e9}", "'; DROP TABLE messages; --", '%s%n%d', '{"type":"message"}', ' spaces around ',
        'x' x 16384, "\x{e9}" x 8192, '0', 'null', "\x{feff}bom"
    );
    for my $text (@texts) {
        my $id = $ada->ack($ada->say($text))->{id};
        $bob->until(sub { $bob->message($id) });
        ok $bob->message($id)->{text} eq $text, 'live: ' . substr $text =~ s/[^ -~]/?/gr, 0, 30;
    }
    my %stored = map { $_->{text} => 1 } @{$bob->history};
    is scalar(grep { !$stored{$_} } @texts), 0, 'and so are they in the history';
    my $rows = $server->db->selectcol_arrayref('SELECT message FROM messages');
    my %row = map { $_ => 1 } @$rows;
    is scalar(grep { !$row{$_} } @texts), 0, '... and in the database';
};

story 'edit: by its author' => sub {
    my $cid = $ada->say('teh text');
    my $id  = $ada->ack($cid)->{id};
    my $ask = $ada->edit($id, 'the text');
    my $ack = $ada->ack($ask);
    is $ack->{id}, $id, 'acknowledged with the message\'s id';
    my ($here, $there) = map { $_->next_frame(type => 'edit') } $ada, $bob;
    is_deeply $here, $there, 'both hear the same';
    is_deeply [@$there{qw(room rev)}], [1, $ack->{rev}], 'a change of the room';
    my $message = $there->{message};
    is_deeply [@$message{qw(id username text rev cid)}], [$id, 'ada', 'the text', $ack->{rev}, $cid], 'the message, changed; its own cid';
    ok $message->{edited} >= $message->{timestamp} && $message->{edited} > 1.6e12, 'edited tells when, in ms';
    is $bob->error($bob->edit($id, 'bob was here'))->{code}, 'forbidden', 'nobody else may';
    is $ada->error($ada->edit(123456789, 'x'))->{code}, 'not_found', 'a message that is not';
    my ($row) = grep { $_->{id} == $id } @{$bob->history};
    is_deeply $row, $message, 'the history tells the same';
};

story 'delete: the place stays, the text goes' => sub {
    my $secret = 'a secret that must go, ' . rand;
    my $first  = 'what it was before an edit, ' . rand;
    my $cid    = $ada->say($first);
    my $id     = $ada->ack($cid)->{id};
    $ada->ack($ada->edit($id, $secret));
    is $bob->error($bob->delete($id))->{code}, 'forbidden', 'nobody else may';
    my $ack = $ada->ack($ada->delete($id));
    my ($here, $there) = map { $_->next_frame(type => 'delete') } $ada, $bob;
    is_deeply $here, $there, 'both hear the same';
    my $message = $there->{message};
    is_deeply [@$message{qw(id rev deleted username cid)}], [$id, $ack->{rev}, true, 'ada', $cid], 'deleted';
    ok !exists $message->{text}, '... and without text';
    my ($row) = grep { $_->{id} == $id } @{$bob->history};
    is_deeply $row, $message, 'the history keeps the place';
    is $ada->error($ada->edit($id, 'back'))->{code}, 'already_deleted', 'edit of a deleted message';
    is $ada->error($ada->delete($id))->{code},       'already_deleted', 'delete of a deleted message';
    is $ada->error($ada->delete(123456789))->{code}, 'not_found', 'a message that is not';
    my ($text) = $server->db->selectrow_array('SELECT message FROM messages WHERE id = ?', undef, $id);
    is $text // '', '', 'the text is gone from its row';
    is $ada->ack($ada->say('again', cid => $cid))->{id}, $id, 'its cid is not free for another message';
    $server->restart;
    my $files = join '', map { Chatterbox::slurp($_) } grep {-f} glob $server->database . '*';
    is index($files, $secret), -1, 'no byte of it is left in the files of the database';
    is index($files, $first),  -1, '... nor of what it was before the edit';
    $_->reconnect for $ada, $bob;
};

story 'exactly once, by cid' => sub {
    my $cid   = $ada->say('once');
    my $first = $ada->ack($cid);
    my $again = $ada->ack($ada->say('once', cid => $cid));
    is_deeply [@$again{qw(id timestamp dup)}], [@$first{qw(id timestamp)}, true], 'the second time: the first one\'s id, dup';
    my $other = $ada->ack($ada->say('another text', cid => $cid));
    is_deeply [@$other{qw(id dup)}], [$first->{id}, true], '... whatever its text';
    my $bobs = $bob->ack($bob->say('mine', cid => $cid));
    isnt $bobs->{id}, $first->{id}, 'the same cid of another user is another message';
    ok !$bobs->{dup}, '... and no dup';
    my $res = $ada->post('/api/rooms/1/messages', {cid => $cid, text => 'once'});
    is $res->json->{id}, $first->{id}, 'over HTTP it is the first one as well';
    my $twin = $ada->twin;
    is $twin->ack($twin->say('once', cid => $cid))->{id}, $first->{id}, '... and from another connection';
    $bob->reaches($ada->rev);
    $server->restart;
    $ada->reconnect;
    is_deeply [@{$ada->ack($ada->say('once', cid => $cid))}{qw(id dup)}], [$first->{id}, true], '... and after a restart';
    my $n = $server->db->selectrow_array('SELECT count(*) FROM messages WHERE cid = ?', undef, $cid);
    is $n, 2, 'stored once for each user';
    my @burst = map { $ada->say('burst', cid => 'burst-1', wait => 0) } 1 .. 20;
    $ada->say('after the burst');
    is scalar(grep { ($_->{cid} // '') eq 'burst-1' && $_->{type} eq 'ack' } $ada->frames), 20, '20 in one go: each is acknowledged';
    is $server->db->selectrow_array("SELECT count(*) FROM messages WHERE cid = 'burst-1'"), 1, '... one is stored';
    is_deeply $ada->wrong, [], 'no promise was broken';
    $bob->reconnect;
};

story 'history at joining' => sub {
    my $own = Chatterbox->start;
    my $ann = $own->connect('ann');
    $ann->ack($ann->say("message $_")) for 1 .. 3;
    my $ben = $own->connect('ben');
    is_deeply [map { $_->{text} } @{$ben->missed}], [map {"message $_"} 1 .. 3], 'all three, oldest first';
    ok !$ben->page->{more}, 'no more';
    is_deeply $ben->missed->[0], $ann->frames('message') ? ($ann->frames('message'))[0]{message} : undef, 'a message is the same everywhere';
    $ann->say("message $_", wait => 0) for 4 .. 300;
    $ann->say('message 301');
    my $cid = $own->connect('cid');
    my @ids = map { $_->{id} } @{$cid->missed};
    ok @ids >= 20 && @ids <= 200, 'a page of ' . @ids;
    is $cid->missed->[-1]{text}, 'message 301', '... the newest';
    is_deeply \@ids, [$ids[-1] - $#ids .. $ids[-1]], '... without a hole';
    ok $cid->page->{more}, '... and there are more';
    is_deeply $cid->transcript, [@{$own->transcript}[-@ids .. -1]], 'it is what the database has';
    is scalar @{$cid->history}, 301, 'the rest is a request away';
    is $cid->welcome->{rooms}[0]{last_id}, $ids[-1], 'last_id';
    $own->restart;
    my $dan = $own->connect('dan');
    is_deeply $dan->page, $cid->page, 'after a restart the page is the same';
    $own->stop;
};

story 'the rate is a user\'s, whatever the connection' => sub {
    my $own = Chatterbox->start('chatterbox.rate' => 5);
    my $one = $own->connect('one');
    my $two = $one->twin;
    is $one->welcome->{limits}{messages_per_second}, 5, 'welcome says so';
    my $start = time;
    my %cid   = map { $_->say('spam', wait => 0) => $_ } ($one, $two) x 10;
    my @error = grep { $_->{type} eq 'error' } map { $cid{$_}->answer($_) } keys %cid;
    my $passed = 20 - @error;
    my $most   = 11 + 5 * (time - $start);
    ok $passed >= 10 && $passed <= $most, "of 20 at once $passed pass: a burst of 10";
    is_deeply [grep { $_ ne 'rate_limited' } map { $_->{code} } @error], [], 'the others are rate_limited';
    is scalar(grep { !($_->{retry_after} > 0 && $_->{retry_after} <= 3) } @error), 0, '... and told when to come back';
    my $http = $one->post('/api/rooms/1/messages', {text => 'spam'});
    if (time - $start < 0.15) {
        is_problem $http, 429, 'rate_limited', 'over HTTP the same';
        like $http->headers->header('Retry-After') // '', qr/^[1-9]\d*$/, '... with Retry-After';
    }
    my $calm = $own->connect('calm');
    ok $calm->ack($calm->say('hi')), 'another user may speak';
    my $until = time + $error[-1]{retry_after} + 0.05;
    wait_until 'retry_after has passed', sub { time > $until };
    ok $one->ack($one->say('calm now')), 'after retry_after one may speak again';
    ok $one->is_open && $two->is_open, 'nobody was thrown out';
    $own->stop;
};

story 'logout closes the connections of the session' => sub {
    my $eve  = $server->account('eve');
    my $tab  = $server->bearer(eve => $eve->token)->join;
    my $tab2 = $server->bearer(eve => $eve->token)->join;
    my $phone = Chatterbox::Client->new(server => $server, name => 'eve')->login('correct horse battery')->join;
    is $eve->post('/api/logout')->code, 204, 'logged out';
    is $_->close_code, 4005, 'closed with 4005' for $tab, $tab2;
    ok $phone->ack($phone->say('still here')), 'another session stays';
    is $tab->open->hello->close_code, 4003, 'the token opens nothing any more';
    $phone->post('/api/logout?everywhere=1');
    is $phone->close_code, 4005, 'everywhere: this one, too';
};

story 'a hello again on the same connection starts afresh' => sub {
    $ada->hello->joined;
    ok $ada->page, 'a welcome, a history';
    ok $ada->ack($ada->say('hi again')), '... and all goes on';
    is scalar(grep { $_->{type} eq 'message' && $_->{rev} == $ada->rev } $ada->frames), 1, 'each event comes once';
};

story 'a database that cannot be written' => sub {
    my $own = Chatterbox->start;
    my $ann = $own->connect('ann');
    my $ben = $own->connect('ben');
    my $lock = DBI->connect('dbi:SQLite:dbname=' . $own->database, '', '', {RaiseError => 1, AutoCommit => 1});
    $lock->do('BEGIN IMMEDIATE');
    my $cid = $ann->say('into the void', wait => 0);
    is $ann->answer($cid, 30)->{code}, 'storage_unavailable', 'the sender is told';
    is_problem $ann->post('/api/rooms/1/messages', {text => 'x'}), 503, 'storage_unavailable', '... by HTTP as well';
    is $own->get('/readyz')->code,  503, 'not ready';
    is $own->get('/healthz')->code, 200, '... but alive';
    is scalar @{$ann->history}, 0, 'reading goes on';
    $lock->rollback;
    wait_until 'ready again', sub { $own->get('/readyz')->code == 200 }, 30;
    my $ack = $ann->ack($ann->say('into the void', cid => $cid));
    ok !$ack->{dup}, 'the same cid is stored now, for the first time';
    $ben->reaches($ack->{rev});
    is_deeply [map { $_->{message}{cid} } $ben->frames('message')], [$cid], 'and nobody heard of it before';
    is_deeply [@{$ann->wrong}, @{$ben->wrong}], [], 'no promise was broken';
    $own->stop;
};

is_deeply [@{$ada->wrong}, @{$bob->wrong}], [], 'ada and bob saw no promise broken';
$server->stop;
done_testing;
