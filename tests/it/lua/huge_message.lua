error(("an error that goes on and on, "):rep(5000))
