# The doors of HTTP: accounts, guests, tokens, cookies, history, posting, health -- and every way to be turned away.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Digest::SHA qw(hmac_sha256 hmac_sha512);
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Util qw(b64_encode b64_decode);
use Time::HiRes qw(time);

my $server   = Chatterbox->start(-tls => 1);
my $password = 'correct horse battery';

sub cookie_of ($res) { (grep {/^(?:__Host-)?chatterbox_token=/} @{$res->headers->every_header('Set-Cookie')})[0] // '' }
sub bearer ($token)  { (Authorization => "Bearer $token") }

story 'register: a session, and the same as a cookie' => sub {
    my $now = time;
    my $res = $server->post('/api/register', {username => 'Ada', password => $password, display_name => 'Ada L.'});
    is $res->code, 201, 'registered';
    like $res->headers->content_type, qr{^application/json; ?charset=utf-8$}i, 'JSON';
    my $body = $res->json;
    is_deeply [@{$body->{user}}{qw(username display_name)}], ['Ada', 'Ada L.'], 'the user';
    ok defined $body->{user}{guest} && !$body->{user}{guest}, '... is no guest';
    ok $body->{user}{id} > 0, '... and has an id';
    ok abs($body->{expires_at} / 1000 - $now - 604800) < 60, 'expires_at is in ms, a token-lifetime ahead'
        or diag $body->{expires_at};
    my $claims = decode_json(b64_decode((split /\./, $body->{token})[1] =~ tr{-_}{+/}r));
    is_deeply [map { exists $claims->{$_} ? $_ : () } qw(iss sub name iat exp jti)], [qw(iss sub name iat exp jti)],
        'the claims of the token';
    is $claims->{sub}, $body->{user}{id}, 'sub is the user id';
    ok encode_json([$claims->{sub}]) =~ /"/, '... as text';
    my $cookie = cookie_of($res);
    like $cookie,   qr/^chatterbox_token=\Q$body->{token}\E;/, 'the cookie holds the token';
    like $cookie,   qr/;\s*$_(?:;|$)/i, "... with $_" for 'HttpOnly', 'SameSite=Strict', 'Path=/';
    unlike $cookie, qr/;\s*Secure/i, '... and no Secure without TLS';
    is $server->get('/api/me', bearer($body->{token}))->json->{username} // 'nobody', 'Ada', 'GET /api/me knows the bearer';
};

story 'over TLS the cookie is Secure' => sub {
    my $res = $server->post($server->tls_url . '/api/login', {username => 'Ada', password => $password});
    is $res->code, 200, 'logged in';
    like cookie_of($res), qr{^__Host-chatterbox_token=[^;]+;.*;\s*Secure(?:;|$)}, 'Secure, and of this host';
};

story 'names: unique without case, of some characters only' => sub {
    is_problem $server->post('/api/register', {username => 'aDA', password => $password}), 409, 'name_taken', 'aDA';
    for my $name ('', 'a b', "a\n", 'x' x 33, "\x{e4}da", 'a/b', '<b>', "a\0b") {
        is_problem $server->post('/api/register', {username => $name, password => $password}), 422, 'bad_name',
            'register ' . encode_json([$name]);
        is_problem $server->post('/api/login', {username => $name}), 422, 'bad_name', 'guest ' . encode_json([$name]);
    }
    is $server->post('/api/register', {username => $_, password => $password})->code, 201, "$_ is a name"
        for 'x' x 32, 'a.b_c-9', '...';
    is_problem $server->post('/api/register', {username => 'dora', password => $password, display_name => $_}), 422,
        'bad_name', 'display name ' . encode_json([$_])
        for "a\x07b", "\x{1f600}" x 65;
    is $server->post('/api/register', {username => 'dora', password => $password, display_name => "\x{1f600}" x 64})->code,
        201, '64 characters of 4 bytes are a display name';
};

story 'passwords have 8 to 256 bytes' => sub {
    is_problem $server->post('/api/register', {username => 'eve', password => $_}), 422, 'weak_password',
        length($_) . ' bytes'
        for '', '1234567', 'x' x 257;
    is $server->post('/api/register', {username => 'eve8', password => '12345678'})->code, 201, '8 bytes';
    is $server->post('/api/register', {username => 'eve4', password => "\x{1f511}" x 2})->code, 201, '2 characters of 4 bytes';
    is $server->post('/api/register', {username => 'eve256', password => 'x' x 256})->code, 201, '256 bytes';
    is $server->post('/api/login', {username => 'eve256', password => 'x' x 256})->code, 200, '... and they log in';
    is_problem $server->post('/api/login', {username => 'eve256', password => 'x' x 255}), 401, 'bad_credentials',
        'all bytes of a password count';
};

story 'login with a password' => sub {
    my $res = $server->post('/api/login', {username => 'ADA', password => $password});
    is $res->code, 200, 'the name is compared without case';
    is $res->json->{user}{username}, 'Ada', '... and stays as it was registered';
    isnt $res->json->{token}, $server->post('/api/login', {username => 'Ada', password => $password})->json->{token},
        'each login is a session of its own';
    my ($wrong, $nobody)
        = map { $server->post('/api/login', {username => $_, password => 'wrong horse'}) } qw(Ada nobody-at-all);
    is_problem $wrong,  401, 'bad_credentials', 'a wrong password';
    is_problem $nobody, 401, 'bad_credentials', 'a name that nobody has';
    is $wrong->body, $nobody->body, 'one answer for both';
    $server->guest('gus');
    is_problem $server->post('/api/login', {username => 'gus', password => 'wrong horse'}), 401, 'bad_credentials',
        'a guest has no password';
};

story 'whether a name exists cannot be seen by the clock' => sub {
    my $own = Chatterbox->start;
    my @names = map {"user$_"} 1 .. 6;
    $own->account($_, $password) for @names;
    my %took;
    for my $i (0 .. $#names) {
        for my $case ([there => $names[$i]], [absent => "absent$i"]) {
            my $start = time;
            my $res   = $own->post('/api/login', {username => $case->[1], password => 'wrong horse'});
            push @{$took{$case->[0]}}, time - $start if $res->code == 401;
        }
    }
    ok @{$took{$_} // []} >= 3, "enough answers ($_)" for qw(there absent);
    my ($there, $absent) = map { (sort { $a <=> $b } @$_)[@$_ / 2] } @took{qw(there absent)};
    ok $there / $absent > 0.6 && $there / $absent < 1.67, sprintf 'medians: %.1f ms and %.1f ms', 1e3 * $there, 1e3 * $absent;
    $own->stop;
};

story 'guessing passwords is slowed down' => sub {
    my $own = Chatterbox->start;
    $own->account('victim', $password);
    my $res;
    for (1 .. 60) {
        $res = $own->post('/api/login', {username => 'victim', password => "guess $_"});
        last if $res->code == 429;
    }
    is_problem $res, 429, 'rate_limited', 'after many wrong passwords';
    like $res->headers->header('Retry-After') // '', qr/^[1-9]\d*$/, '... with Retry-After';
    $own->stop;
};

story 'guests: a name is theirs while they are here' => sub {
    my $res = $server->post('/api/login', {username => 'grete'});
    is $res->code, 200, 'a guest needs only a name';
    my ($token, $user) = @{$res->json}{qw(token user)};
    ok $user->{guest}, '... and is one';
    is_problem $server->post('/api/login', {username => $_}), 409, 'name_taken', "$_, for somebody else" for qw(grete GRETE);
    is_problem $server->post('/api/register', {username => 'grete', password => $password}), 409, 'name_taken',
        'registering it, for somebody else';
    my $again = $server->post('/api/login', {username => 'grete'}, bearer($token));
    is $again->code, 200, 'with the token the name is kept';
    is $again->json->{user}{id}, $user->{id}, '... by the same user';
    is $server->post('/api/logout', {}, bearer($again->json->{token}))->code, 204, 'logged out';
    my $other = $server->post('/api/login', {username => 'grete'});
    is $other->code, 200, 'then the name is free';
    isnt $other->json->{user}{id}, $user->{id}, '... and whoever takes it is a new user';
    like $server->post('/api/login', {username => 'Ada'})->code, qr/^(?:401|409)$/, 'the name of an account is for no guest';
};

story 'who takes a guest\'s name has no right to what the old one wrote' => sub {
    my $old = $server->connect('hugo');
    my $id  = $old->ack($old->say('mine'))->{id};
    $old->post('/api/logout');
    my $new = $server->connect('hugo');
    is $new->error($new->edit($id, 'no, mine'))->{code}, 'forbidden', 'no edit';
    is $new->error($new->delete($id))->{code},           'forbidden', 'no deletion';
};

story 'a guest who registers keeps id and messages' => sub {
    my $guest = $server->connect('ingrid');
    my $id    = $guest->ack($guest->say('as a guest'))->{id};
    my $res   = $guest->post('/api/register', {username => 'ingrid', password => $password});
    is $res->code, 201, 'registered under the name';
    is $res->json->{user}{id}, $guest->user->{id}, 'the id stays';
    ok !$res->json->{user}{guest}, '... and is no guest any more';
    my $login = Chatterbox::Client->new(server => $server, name => 'ingrid')->login($password)->join;
    is $login->user->{id}, $guest->user->{id}, 'the password opens the same account';
    ok $login->ack($login->edit($id, 'as an account')), '... who may edit what the guest wrote';
};

story 'logout' => sub {
    my $user = $server->account('karl', $password);
    my ($one, $two, $three)
        = map { $server->post('/api/login', {username => 'karl', password => $password})->json->{token} } 1 .. 3;
    is $server->post('/api/logout', {}, bearer($one))->code, 204, 'out';
    is_problem $server->get('/api/me', bearer($one)), 401, 'unauthorized', 'the token is refused from now on';
    is $server->get('/api/me', bearer($two))->code, 200, 'another session of the user lives on';
    is $server->post('/api/logout?everywhere=1', {}, bearer($two))->code, 204, 'out everywhere';
    is $server->get('/api/me', bearer($_))->code, 401, 'refused' for $two, $three, $user->token;
    is_problem $server->post('/api/logout'), 401, 'unauthorized', 'without a session';
};

story 'a logout is remembered by the next process' => sub {
    my $own   = Chatterbox->start;
    my $out   = $own->account('lena', $password);
    my $stays = $own->bearer(lena => $own->post('/api/login', {username => 'lena', password => $password})->json->{token});
    $out->post('/api/logout');
    $own->restart;
    is_problem $out->get('/api/me'), 401, 'unauthorized', 'the token that was logged out';
    is $stays->get('/api/me')->code, 200, '... while the other one is good';
    $own->stop;
};

# a JWT by hand
sub b64url ($bytes) { b64_encode($bytes, '') =~ tr{+/}{-_}r =~ s/=+$//r }

sub jwt ($header, $claims, $sign) {
    my $signed = join '.', map { b64url(encode_json($_)) } $header, $claims;
    return "$signed." . b64url($sign->($signed));
}

story 'forged tokens are refused, everywhere' => sub {
    my $ada    = Chatterbox::Client->new(server => $server, name => 'Ada')->login($password);
    my $claims = decode_json(b64_decode((split /\./, $ada->token)[1] =~ tr{-_}{+/}r));
    my $secret = $server->secret;
    like $secret, qr/^[0-9a-f]{64}$/, 'the secret that the server made: 64 hex digits';
    is sprintf('%04o', (stat $server->dir . '/secret')[2] & 07777), '0600', '... for its owner only';
    my $hs256   = sub ($bytes) { hmac_sha256($bytes, $secret) };
    my $head    = {alg => 'HS256', typ => 'JWT'};
    my %without = map {
        my %copy = %$claims;
        delete $copy{$_};
        ($_ => \%copy)
    } keys %$claims;
    my %forged = (
        'alg none'             => jwt({alg => 'none',  typ => 'JWT'}, $claims, sub {''}),
        'alg None, signed'     => jwt({alg => 'None',  typ => 'JWT'}, $claims, $hs256),
        'alg HS512'            => jwt({alg => 'HS512', typ => 'JWT'}, $claims, sub ($bytes) { hmac_sha512($bytes, $secret) }),
        'alg HS512, HS256 sum' => jwt({alg => 'HS512', typ => 'JWT'}, $claims, $hs256),
        'no alg'               => jwt({typ => 'JWT'}, $claims, $hs256),
        'another secret'       => jwt($head, $claims, sub ($bytes) { hmac_sha256($bytes, 'x' x 64) }),
        'an empty secret'      => jwt($head, $claims, sub ($bytes) { hmac_sha256($bytes, '') }),
        'no exp'               => jwt($head, $without{exp}, $hs256),
        'no sub'               => jwt($head, $without{sub}, $hs256),
        'expired'              => jwt($head, {%$claims, exp => int(time) - 10}, $hs256),
        'exp as text'          => jwt($head, {%$claims, exp => "$claims->{exp}"}, $hs256),
        'another issuer'       => jwt($head, {%$claims, iss => 'somebody'}, $hs256),
        'a changed body'       => join('.', (split /\./, $ada->token)[0], b64url(encode_json({%$claims, sub => '999'})), (split /\./, $ada->token)[2]),
        'no signature'         => $ada->token =~ s/[^.]*$//r,
        'two parts'            => $ada->token =~ s/\.[^.]*$//r,
        'nothing'              => '',
        'noise'                => 'x' x 5000
    );
    my $good = jwt($head, $claims, $hs256);
    is $server->get('/api/me', bearer($good))->code, 200, 'control: made the right way by hand it is good';
    for my $what (sort keys %forged) {
        is_problem $server->get('/api/me', bearer($forged{$what})), 401, 'unauthorized', $what;
        my $client = $server->bearer(Ada => $forged{$what})->open->hello;
        is $client->close_code, 4003, '... and a hello with it is closed with 4003';
    }
};

story 'a token ends after token-lifetime, and is signed with token-secret' => sub {
    my $secret = 'a secret of thirty-two bytes, or more';
    my $own    = Chatterbox->start('chatterbox.token-lifetime' => 2, 'chatterbox.token-secret' => $secret);
    my $res    = $own->post('/api/login', {username => 'mona'});
    my ($head, $body, $sum) = split /\./, $res->json->{token};
    is $sum, b64url(hmac_sha256("$head.$body", $secret)), 'HS256 with the secret of the configuration';
    is $own->get('/api/me', bearer($res->json->{token}))->code, 200, 'good at first';
    wait_until 'the token has expired', sub { time > $res->json->{expires_at} / 1000 + 0.5 };
    is_problem $own->get('/api/me', bearer($res->json->{token})), 401, 'unauthorized', '... and after its time';
    $own->stop;
};

story 'GET /api/me needs a token, by header or cookie' => sub {
    my $nina = $server->guest('nina');
    is_problem $server->get('/api/me'), 401, 'unauthorized', 'without';
    my $res = $server->get('/api/me', Cookie => 'a=b; chatterbox_token=' . $nina->token . '; c=d');
    is $res->code, 200, 'with the cookie among others';
    is_deeply [@{$res->json}{qw(id username display_name)}], [@{$nina->user}{qw(id username display_name)}], 'it is me';
    ok $res->json->{guest}, '... a guest';
};

story 'a change with the cookie must come from our own page' => sub {
    my $otto   = $server->guest('otto');
    my @cookie = (Cookie => 'chatterbox_token=' . $otto->token);
    my $path   = '/api/rooms/1/messages';
    my $own    = $server->url;
    is $server->post($path, {text => 'ours'}, @cookie, Origin => $own)->code, 201, 'our own origin';
    is_problem $server->post($path, {text => 'theirs'}, @cookie, Origin => $_), 403, 'bad_origin', "Origin: $_"
        for 'http://evil.example', 'null', "$own.evil.example", 'http://127.0.0.1:1', "http://x\@$own", '';
    is_problem $server->post($path, {text => 'whose?'}, @cookie), 403, 'bad_origin', 'no Origin at all';
    is_problem $server->post('/api/logout', {}, @cookie, Origin => 'http://evil.example'), 403, 'bad_origin', 'logout too';
    is $server->get('/api/me', @cookie, Origin => 'http://evil.example')->code, 200, 'reading changes nothing';
    is $server->post($path, {text => 'a bot'}, $otto->auth, Origin => 'http://evil.example')->code, 201,
        'a bearer is no browser that was tricked';
};

story 'allowed-origins are as good as our own' => sub {
    my $own = Chatterbox->start('chatterbox.allowed-origins' => ['https://chat.example', 'http://other.example:8080']);
    my $paul = $own->guest('paul');
    my @cookie = (Cookie => 'chatterbox_token=' . $paul->token);
    is $own->post('/api/rooms/1/messages', {text => 'hi'}, @cookie, Origin => $_)->code, 201, $_
        for 'https://chat.example', 'http://other.example:8080', $own->url;
    is_problem $own->post('/api/rooms/1/messages', {text => 'hi'}, @cookie, Origin => $_), 403, 'bad_origin', $_
        for 'http://chat.example', 'https://chat.example.evil.example', 'http://other.example';
    $own->stop;
};

story 'POST of a message is a message frame' => sub {
    my $ruth = $server->connect('ruth');
    my $res  = $ruth->post('/api/rooms/1/messages', {cid => 'ruth-1', text => "over HTTP \x{1f600}"});
    is $res->code, 201, 'created';
    my $message = $res->json;
    is_deeply [@$message{qw(room username text cid)}], [1, 'ruth', "over HTTP \x{1f600}", 'ruth-1'], 'the message';
    is_deeply $ruth->next_frame(type => 'message')->{message}, $message, 'the page of the author hears the same';
    my $again = $ruth->post('/api/rooms/1/messages', {cid => 'ruth-1', text => 'something else'});
    like $again->code, qr/^20[01]$/, 'the same cid again';
    is_deeply [@{$again->json}{qw(id text)}], [@$message{qw(id text)}], '... is the first message';
    is $ruth->post('/api/rooms/1/messages', {text => 'no cid'})->code, 201, 'without a cid';
    my @bad = (
        [400, 'bad_json',  '{"text":'],
        [400, 'bad_json',  ''],
        [400, 'bad_json',  '{"text":"x"} trailing'],
        [400, 'bad_frame', '{}'],
        [400, 'bad_frame', '{"text":5}'],
        [400, 'bad_frame', '{"text":"x","cid":""}'],
        [400, 'bad_frame', '{"text":"x","cid":"' . 'c' x 65 . '"}'],
        [400, 'bad_frame', '{"text":"x","text":"y"}'],
        [422, 'empty',     '{"text":""}'],
        [422, 'too_long',  '{"text":"' . 'x' x 16385 . '"}']
    );
    for (@bad) {
        my ($status, $code, $body) = @$_;
        is_problem $server->post('/api/rooms/1/messages', $body, $ruth->auth), $status, $code, substr $body, 0, 40;
    }
    is_problem $ruth->post('/api/rooms/999/messages', {text => 'x'}), 404, 'not_found', 'a room that is not';
    is_problem $server->post('/api/rooms/1/messages', {text => 'x'}), 401, 'unauthorized', 'without a token';
};

story 'a limit on the text is a limit here, too' => sub {
    my $own = Chatterbox->start('chatterbox.message-limit' => 100, 'chatterbox.synchronous' => 'NORMAL');
    my $sam = $own->connect('sam');
    is $sam->welcome->{limits}{text_bytes}, 100, 'welcome says so';
    is $sam->post('/api/rooms/1/messages', {text => 'x' x 100})->code, 201, '100 bytes';
    is_problem $sam->post('/api/rooms/1/messages', {text => "\x{e4}" x 51}), 422, 'too_long', '102 bytes in 51 characters';
    is $sam->error($sam->say('x' x 101))->{code}, 'too_long', '... and by frame';
    $own->stop;
};

story 'bodies that are not what they should be' => sub {
    for my $path ('/api/register', '/api/login') {
        my @bad = (
            [bad_json  => '{'],
            [bad_json  => ''],
            [bad_json  => "{\"username\":\"\xff\"}"],
            [bad_frame => '{}'],
            [bad_frame => '{"username":5}'],
            [bad_frame => '{"username":"x","username":"y"}'],
            [bad_frame => '{"username":"tina","password":["x"]}']
        );
        is_problem $server->post($path, $_->[1]), 400, $_->[0], "$path $_->[1]" for @bad;
        like $server->post($path, '[]')->json->{code}, qr/^bad_(?:frame|json)$/, "$path [] is no object";
    }
    is_problem $server->post('/api/register', {username => 'tina'}), 400, 'bad_frame', 'register without a password';
    is $server->post('/api/login', '{"username":"ulla","extra":[1e400,{"deep":{}}]}')->code, 200, 'unknown fields are ignored';
};

story 'a body over the limit' => sub {
    my $own = Chatterbox->start('limit-request-body' => 65536);
    is_problem $own->post('/api/login', '{"username":"' . 'x' x 70_000 . '"}'), 413, 'too_large', '70 kB where 64 are allowed';
    my $raw = Chatterbox::Raw->new($own)->request(POST => '/api/login', Host => 'x', 'Content-Length' => 1 << 40);
    is $raw->status, 413, 'a terabyte is refused before it comes';
    $own->stop;
};

story 'history: pages, oldest first' => sub {
    my $own = Chatterbox->start;
    my $vera = $own->connect('vera');
    my @ids = map { $vera->ack($vera->say("message $_"))->{id} } 1 .. 120;
    my $page = sub ($query) { my $res = $vera->get("/api/rooms/1/messages$query"); $res->code == 200 ? $res->json : {messages => []} };
    my $ids_of = sub ($query) { [map { $_->{id} } @{$page->($query)->{messages}}] };
    my $newest = $page->('');
    is_deeply [@$newest{qw(room rev)}], [1, $vera->rev], 'room and rev';
    is_deeply [map { $_->{id} } @{$newest->{messages}}], [@ids[70 .. 119]], 'the newest 50, oldest first';
    ok $newest->{more}, 'there are more';
    is_deeply $newest->{messages}[-1], $vera->message($ids[-1]), 'a message is the same everywhere';
    is_deeply $ids_of->("?limit=7"), [@ids[113 .. 119]], 'limit';
    is_deeply $ids_of->("?limit=200"), \@ids, 'all';
    ok !$page->('?limit=200')->{more}, '... and no more';
    is_deeply $ids_of->("?before=$ids[50]&limit=10"), [@ids[40 .. 49]], 'before';
    ok $page->("?before=$ids[50]&limit=50")->{more} == 0, '... exactly all before: no more';
    ok $page->("?before=$ids[50]&limit=49")->{more}, '... one less: more';
    is_deeply $ids_of->("?before=$ids[0]"), [], 'before the first';
    is_deeply $ids_of->("?after=$ids[50]&limit=10"), [@ids[51 .. 60]], 'after';
    ok $page->("?after=$ids[50]&limit=10")->{more}, '... more of them';
    is_deeply $ids_of->("?after=$ids[119]"), [], 'after the last';
    ok !$page->("?after=$ids[110]")->{more}, '... no more';
    my $around = $ids_of->("?around=$ids[60]&limit=11");
    ok scalar(grep { $_ == $ids[60] } @$around), 'around: the message itself';
    ok @$around <= 11 && $around->[0] < $ids[60] && $around->[-1] > $ids[60], '... and some on each side';
    is_deeply $around, [sort { $a <=> $b } @$around], '... in order';
    is_problem $vera->get("/api/rooms/1/messages?$_"), 400, 'bad_frame', $_
        for 'limit=0', 'limit=201', 'limit=-1', 'limit=x', 'before=x', 'before=-1', 'after=1.5',
        'before=99999999999999999999', 'around=9007199254740992';
    is_problem $vera->get('/api/rooms/999/messages'), 404, 'not_found', 'a room that is not';
    like $vera->get("/api/rooms/$_/messages")->code, qr/^40[04]$/, "room $_" for 'x', '-1', '99999999999999999999';
    is_problem $own->get('/api/rooms/1/messages'), 401, 'unauthorized', 'without a token';
    $own->stop;
};

story 'known paths and unknown methods' => sub {
    my $walt = $server->guest('walt');
    my @wrong = (
        [GET    => '/api/login',            'POST'],
        [DELETE => '/api/register',         'POST'],
        [GET    => '/api/logout',           'POST'],
        [PUT    => '/api/me',               'GET'],
        [DELETE => '/api/rooms/1/messages', 'GET', 'POST'],
        [POST   => '/healthz',              'GET'],
        [POST   => '/readyz',               'GET'],
        [POST   => '/metrics',              'GET']
    );
    for (@wrong) {
        my ($method, $path, @allowed) = @$_;
        my $res = $server->request($method, $path, '', $walt->auth);
        is $res->code, 405, "$method $path";
        like $res->headers->header('Allow') // '', qr/\b$_\b/, "... allows $_" for @allowed;
    }
    is_problem $server->get("/api$_", $walt->auth), 404, 'not_found', "/api$_" for '', '/', '/nothing', '/loginx', '/login/x', '/rooms/1/nothing';
};

story 'health, readiness, metrics' => sub {
    for my $path ('/healthz', '/readyz') {
        my $res = $server->get($path);
        is $res->code, 200, $path;
        is_deeply $res->json, {status => 'ok'}, '... is ok';
    }
    my $res = $server->get('/metrics');
    is $res->code, 200, 'metrics';
    like $res->headers->content_type, qr{^text/plain; ?version=0\.0\.4}, 'the Prometheus text format';
    my @odd = grep { !/^# (?:HELP|TYPE) [a-z_:][a-z0-9_:]* |^[a-z_:][a-z0-9_:]*(?:\{[^}]*\})? -?[0-9.eE+-]+$/ } split /\n/, $res->body;
    is "@odd", '', '... every line of it';
    like $res->body, qr/\n\z/, '... the last one, too, ends';
    my $count = () = $res->body =~ /^# TYPE /mg;
    ok $count > 5, "... $count metrics";
};

story 'HEAD is GET without the body' => sub {
    my $xena = $server->guest('xena');
    for my $path ('/healthz', '/metrics', '/api/me', '/api/rooms/1/messages') {
        my $raw = Chatterbox::Raw->new($server);
        $raw->put("HEAD $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . $xena->token . "\r\nConnection: close\r\n\r\n");
        my $bytes = '';
        $bytes .= $_ while defined($_ = $raw->take(1));
        like $bytes, qr{^HTTP/1\.1 200 }, "HEAD $path";
        like $bytes, qr/\r\n\r\n\z/, '... no body';
    }
};

story 'no guests, no registration' => sub {
    my $own = Chatterbox->start('chatterbox.guests' => 'OFF', 'chatterbox.registration' => 'OFF');
    my $guest    = $own->post('/api/login',    {username => 'yara'});
    my $register = $own->post('/api/register', {username => 'yara', password => $password});
    like $guest->code,    qr/^40[13]$/, 'no guests';
    like $register->code, qr/^40[13]$/, 'no registration';
    like $_->headers->content_type, qr{^application/problem\+json}, '... said as a problem' for $guest, $register;
    $own->stop;
};

story 'a request that goes away while its password is hashed harms nobody' => sub {
    for (1 .. 20) {
        my $raw  = Chatterbox::Raw->new($server);
        my $body = encode_json({username => 'Ada', password => 'x' x 20});
        $raw->put("POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body");
        close $raw->{socket};
    }
    is $server->get('/healthz')->code, 200, 'the server is well';
};

$server->stop;
done_testing;
