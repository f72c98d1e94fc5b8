# `.` and `..` were names like others, but a path that ends with one is another path: nobody could remove such a member.
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start;

story 'a name of dots' => sub {
    for my $name ('.', '..') {
        is_problem $server->post('/api/register', {username => $name, password => 'correct horse battery'}), 422, 'bad_name', "an account $name";
        is_problem $server->post('/api/login',    {username => $name}), 422, 'bad_name', "a guest $name";
    }
    for my $name ('...', '.a', 'a.', '-', '_', 'a..b') {
        is $server->post('/api/login', {username => $name})->code, 200, "a guest $name";
    }
};

$server->stop;
done_testing;
