# Accounts: a name to be shown, a new password, logging out of one place or of all, and guests who become accounts.
use v5.36;
use Test::More;
use Chatterbox;
use Mojo::JSON qw(false);

my $server  = Chatterbox->start('num-threads' => 2);
my $watcher = $server->connect('watcher');
my $word    = 'correct horse battery';
my $other   = 'staple, correctly';

sub change ($who, $what) { $server->request(PATCH => '/api/me', $what, $who->auth) }
sub login  ($name, $password) { $server->post('/api/login', {username => $name, password => $password}) }
sub me     ($who) { $who->get('/api/me') }

# another session of an account, and a connection of it
sub elsewhere ($name, $password = $word) {
    return Chatterbox::Client->new(server => $server, name => $name)->login($password)->join;
}

# what `$listener` was told of a user, in order
sub told ($listener, $name) { map { $_->{user} } grep { $_->{user}{username} eq $name } $listener->frames('user') }

sub is_out ($who, $code, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $who->close_code, $code, "$what: its connection is closed with $code";
    is_problem me($who), 401, 'unauthorized', '... and its token is refused';
    is $who->open->hello->close_code, 4003, '... at the WebSocket, too';
}

sub lives_on ($who, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $who->is_open && $who->ack($who->say("$what lives on")), "$what: its connection lives on";
    is me($who)->code, 200, '... and so does its token';
}

story 'a name to be shown' => sub {
    my $ada  = $server->account('ada', $word)->join;
    my $tab  = $ada->twin;
    my $name = "Ada, Countess of Lovelace \x{1f478}";
    my $want = {%{$ada->user}, display_name => $name};
    my $res  = change($ada, {display_name => $name});
    is $res->code, 200, 'changed';
    is_deeply $res->json, $want, '... as the answer says';
    for my $who ($watcher, $ada, $tab) {
        $who->until(sub { told($who, 'ada') });
        is_deeply [told($who, 'ada')], [$want], $who->name . ' is told, once';
    }
    is_deeply me($ada)->json, $want, 'GET /api/me';
    is_deeply $ada->twin->welcome->{user}, $want, 'welcome';
    is_deeply login('ada', $word)->json->{user}, $want, 'a new session';
    my ($member) = grep { $_->{username} eq 'ada' } @{$ada->get('/api/rooms/1/members')->json->{members}};
    is $member->{display_name}, $name, 'the list of members';

    my $guest = $server->connect('gwen');
    is change($guest, {display_name => 'Gwen'})->json->{display_name}, 'Gwen', 'a guest may as well';
    $watcher->until(sub { told($watcher, 'gwen') });
    $server->restart;
    $_->reconnect for $watcher, $ada;
    is_deeply $ada->welcome->{user}, $want, 'it is kept';
};

story 'names that may not be shown' => sub {
    my $bea = $server->account('bea', $word)->join;
    my %bad = (
        'no character'       => '',
        '65 characters'      => 'x' x 65,
        '65 of four bytes'   => "\x{1f600}" x 65,
        'nothing but space'  => " \x{a0}\x{3000} ",
        'a line feed'        => "two\nlines",
        'a NUL'              => "a\0b",
        'DEL'                => "a\x7fb",
        'a control of C1'    => "a\x{85}b"
    );
    is_problem change($bea, {display_name => $bad{$_}}), 422, 'bad_name', $_ for sort keys %bad;
    my %frame = (
        'nothing to change'      => {},
        'a number'               => {display_name => 7},
        'null'                   => {display_name => undef},
        'an old password alone'  => {old_password => $word},
        'a password without old' => {password => $other}
    );
    is_problem change($bea, $frame{$_}), 400, 'bad_frame', $_ for sort keys %frame;
    is_problem change($bea, '{"display_name":'), 400, 'bad_json', 'half of it';
    is_problem $server->request(PATCH => '/api/me', {display_name => 'x'}), 401, 'unauthorized', 'nobody in particular';
    is me($bea)->json->{display_name}, 'bea', 'nothing was changed';
    my $rev = $bea->ack($bea->say('a sign'))->{rev};
    $watcher->reaches($rev);
    is_deeply [told($watcher, 'bea')], [], '... and nobody told';
    for my $name ('x' x 64, "\x{1f600}" x 64, "  spaces around  ", "\x{202e}x", '0') {
        is change($bea, {display_name => $name})->json->{display_name}, $name, length($name) . ' characters that may';
    }
};

story 'a new password ends all other sessions' => sub {
    my $cleo  = $server->account('cleo', $word)->join;
    my $tab   = $cleo->twin;
    my @other = map { elsewhere('cleo') } 1 .. 2;
    my $idle  = Chatterbox::Client->new(server => $server, name => 'cleo')->login($word);
    is_problem change($cleo, {password => $other, old_password => "$word!"}), 401, 'bad_credentials', 'the old one must be right';
    is_problem change($cleo, {password => $_, old_password => $word}), 422, 'weak_password', length($_) . ' bytes'
        for '', 'x' x 7, 'x' x 257, "\x{e9}" x 129;
    is_problem change($cleo, {password => $other, old_password => "$word!", display_name => 'C'}), 401, 'bad_credentials', 'and with a name';
    is me($cleo)->json->{display_name}, 'cleo', '... which is not changed either';
    lives_on($other[0], 'another session, after all that');

    my $res = change($cleo, {password => $other, old_password => $word, display_name => 'Cleo'});
    is $res->code, 200, 'changed';
    is $res->json->{display_name}, 'Cleo', '... together with the name';
    is_out($_, 4005, 'another session') for @other;
    is_problem me($idle), 401, 'unauthorized', 'one without a connection is over, too';
    lives_on($cleo, 'this session');
    ok $tab->is_open && $tab->ack($tab->say('I am of it')), '... with all its connections';
    is_problem login('cleo', $word), 401, 'bad_credentials', 'the old password opens nothing';
    is login('cleo', $other)->code, 200, 'the new one does';
    is_problem change($cleo, {password => 'x' x 8, old_password => $word}), 401, 'bad_credentials', '... and is the one to give next time';
    for my $new ('x' x 8, "\x{e9}" x 128) {
        is change($cleo, {password => $new, old_password => $other})->code, 200, length($new) . ' characters are enough, and not too many';
        $other = $new;
    }
    $server->kill9->launch;
    is login('cleo', $other)->code, 200, 'it is kept';
    $_->reconnect for $watcher, $cleo;
    lives_on($cleo, 'this session, after a kill -9');
};

story 'two change it at the same moment: one of them' => sub {
    my $dora = $server->account('dora', $word)->join;
    my $else = elsewhere('dora');
    my %wish = (here => $dora, there => $else);
    my %done;
    for my $where (sort keys %wish) {
        my $ua = $wish{$where}{http} = Chatterbox::user_agent();    # kept until it is answered
        my %ask = (old_password => $word, password => "$word, $where");
        $ua->patch($server->url . '/api/me', {$wish{$where}->auth}, json => \%ask, sub ($ua, $tx) { $done{$where} = $tx->res });
    }
    wait_until 'both are answered', sub { 2 == keys %done }, 20;
    is_deeply [sort map { $_->code } values %done], [200, 401], 'one is done, the other too late';
    my ($winner) = grep { $done{$_}->code == 200 } keys %done;
    is login('dora', "$word, $winner")->code, 200, 'the password is that of the one who was told so';
    lives_on($wish{$winner}, 'the session that did it');
};

story 'wrong passwords are counted' => sub {
    my $eli = $server->account('eli', $word)->join;
    is_problem change($eli, {password => $other, old_password => "wrong $_"}), 401, 'bad_credentials', "wrong, and counted: $_" for 1 .. 5;
    is_problem login('eli', "wrong $_"), 401, 'bad_credentials', "... at the door as well: $_" for 6 .. 10;
    my $res = change($eli, {password => $other, old_password => 'wrong 11'});
    is_problem $res, 429, 'rate_limited', 'once more';
    like $res->headers->header('Retry-After') // '', qr/^[1-9]\d?$/, '... with Retry-After';
    is_problem change($eli, {password => $other, old_password => $word}), 429, 'rate_limited', 'the right one has to wait as well';
    is_problem login('eli', $word), 429, 'rate_limited', '... and so at the door';
    is change($eli, {display_name => 'Eli'})->code, 200, 'what takes no password is not closed';
    is login('ada', $word)->code, 200, 'nor are others';
    lives_on($eli, 'who is in already');
};

story 'a guest has no password to change' => sub {
    my $finn = $server->connect('finn');
    is_problem change($finn, {password => $other, old_password => $_}), 401, 'bad_credentials', 'with an old one of ' . length for '', $word;
    is_problem login('finn', $other), 401, 'bad_credentials', 'none was set';
    lives_on($finn, 'the guest');
};

story 'logging out here, or everywhere' => sub {
    my $gus   = $server->account('gus', $word)->join;
    my $tab   = $gus->twin;
    my $phone = elsewhere('gus');
    my $hal   = $server->account('hal', $word)->join;
    is $gus->post('/api/logout')->code, 204, 'logged out';
    is $tab->close_code, 4005, 'every connection of the session is closed with 4005';
    is_out($gus, 4005, 'the session');
    is_problem $gus->post('/api/logout'), 401, 'unauthorized', 'one cannot do it twice';
    lives_on($phone, 'another session');
    my @more = map { elsewhere('gus') } 1 .. 2;
    is_problem $phone->post('/api/logout?everywhere=2'), 400, 'bad_frame', 'everywhere is 0 or 1';
    lives_on($phone, 'it');
    is $phone->post('/api/logout?everywhere=1')->code, 204, 'logged out everywhere';
    is_out($_, 4005, 'each session') for $phone, @more;
    lives_on($hal, 'another user');
    is login('gus', $word)->code, 200, 'the account is there as before';
    is_problem $server->post('/api/login', {username => 'gus'}), 401, 'bad_credentials', 'its name takes the password';
    is_problem $server->post('/api/login', {username => 'GUS'}), 401, 'bad_credentials', '... however it is written';
    is_problem $server->post('/api/register', {username => 'Gus', password => $word}), 409, 'name_taken', '... and is nobody else\'s';
};

story 'a guest becomes an account' => sub {
    my $ivy   = $server->connect('ivy');
    my $phone = $server->bearer(ivy => $server->post('/api/login', {username => 'ivy'}, $ivy->auth)->json->{token})->join;
    my $room  = $ivy->post('/api/rooms', {kind => 'private', name => 'ivy only'})->json->{id};
    $ivy->until(sub { $ivy->page($room) });
    my $said   = $ivy->ack($ivy->say('as a guest'));
    my $inside = $ivy->ack($ivy->say('inside', room => $room));
    my $direct = $ivy->post('/api/direct', {username => 'watcher'})->json->{id};
    $watcher->until(sub { $watcher->page($direct) });
    $ivy->send({type => 'read', room => 1, id => $said->{id}});
    $ivy->until(sub { grep { $_->{username} eq 'ivy' && $_->{id} == $said->{id} } $ivy->frames('read') });

    my $form = {username => 'ivy', password => $word, display_name => 'Ivy'};
    is_problem $server->post('/api/register', $form), 409, 'name_taken', 'nobody else may';
    is_problem $server->post('/api/register', {%$form, password => 'short'}, $ivy->auth), 422, 'weak_password', 'not with any password';
    is_problem $server->post('/api/register', $form, $watcher->auth), 409, 'name_taken', 'nor another guest';
    my $res = $server->post('/api/register', $form, $ivy->auth);
    is $res->code, 201, 'the guest may';
    my $want = {id => $ivy->user->{id}, username => 'ivy', display_name => 'Ivy', guest => false};
    is_deeply $res->json->{user}, $want, 'the same user, no longer a guest';
    eval { $watcher->until(sub { told($watcher, 'ivy') }, 2) };
    is_deeply [told($watcher, 'ivy')], [$want], 'others are told of the new name';

    my $account = $server->bearer(ivy => $res->json->{token})->join;
    is_deeply $account->welcome->{user}, $want, 'welcome says so as well';
    my %rooms = map { $_->{id} => $_ } @{$account->welcome->{rooms}};
    is_deeply [sort { $a <=> $b } keys %rooms], [sort { $a <=> $b } 1, $room, $direct], 'all rooms are there';
    is $rooms{1}{read_id}, $said->{id}, '... and the reading mark';
    is_deeply [map { $_->{text} } @{$account->history($room)}], ['inside'], '... and the messages';
    is $account->ack($account->edit($said->{id}, 'as an account'))->{id}, $said->{id}, 'which are still one\'s own';
    is $server->request(PATCH => "/api/rooms/$room", {topic => 'mine'}, $account->auth)->code, 200, 'and so is the room';
    lives_on($_, 'a session from before') for $ivy, $phone;
    is me($phone)->json->{guest}, false, '... which is the account\'s now';
    is_problem $server->post('/api/register', $form, $ivy->auth), 409, 'name_taken', 'once is enough';
    is_problem $server->post('/api/login', {username => 'ivy'}), 401, 'bad_credentials', 'without the password nobody gets in under the name';
    is_problem $server->post('/api/login', {username => 'ivy'}, $ivy->auth), 401, 'bad_credentials', '... not even the guest there was';
    is $ivy->post('/api/logout')->code, 204, 'logging out is that of an account now';
    lives_on($account, 'the other session');
    is login('ivy', $word)->json->{user}{id}, $want->{id}, 'the name is kept';
    is change($account, {password => $other, old_password => $word})->code, 200, 'and the password can be changed';
    is_out($phone, 4005, 'the session of the guest');
    is scalar @{$account->history($room)}, 1, 'nothing is lost';
};

story 'a guest who leaves it at that' => sub {
    my $jan   = $server->connect('jan');
    my $phone = $server->bearer(jan => $server->post('/api/login', {username => 'jan'}, $jan->auth)->json->{token})->join;
    my $room  = $jan->post('/api/rooms', {kind => 'private', name => 'jan only'})->json->{id};
    my $said  = $jan->ack($jan->say('bye'));
    is $jan->post('/api/logout')->code, 204, 'logs out';
    is_out($_, 4005, 'every session of a guest') for $jan, $phone;
    my $next = $server->connect('jan');
    isnt $next->user->{id}, $jan->user->{id}, 'who has the name then is somebody else';
    is_deeply [map { $_->{id} } @{$next->welcome->{rooms}}], [1], '... without the rooms';
    is $next->error($next->edit($said->{id}, 'mine'))->{code}, 'forbidden', '... and without the messages';
    change($next, {display_name => 'Jan the Second'});
    my $res = $server->post('/api/register', {username => 'jan', password => $word}, $next->auth);
    is $res->code, 201, '... but may register';
    is $res->json->{user}{display_name}, 'Jan the Second', '... and is shown as before';
    $next->reaches($next->ack($next->say('a sign'))->{rev});
    is scalar(() = told($next, 'jan')), 1, '... which nobody is told again';
};

is_deeply $watcher->wrong, [], 'no promise was broken';
$server->stop;
done_testing;
