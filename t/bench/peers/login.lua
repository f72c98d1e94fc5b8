-- login.lua -- for wrk: each request logs in another guest. The argument makes the names of one run differ from the last's.
--
--     wrk -t1 -c50 -d2s -s t/bench/peers/login.lua http://127.0.0.1:8080/api/login -- r1

local number, run = 0, 'g'

function init(args)
    run = args[1] or run
end

function request()
    number = number + 1
    return wrk.format('POST', nil, {['Content-Type'] = 'application/json'}, '{"username":"' .. run .. '.' .. number .. '"}')
end
