"""How gunicorn runs the web process. The bind address comes from the command line, the number of processes from
gunicorn's own WEB_CONCURRENCY (1 by default)."""

# Threads: most requests wait for Supabase or a platform, and each followed generation holds one.
worker_class = "gthread"
threads = 32
# A request may wait 60 s (`Prefer: wait`), a stream much longer; this is about a worker that hangs altogether.
timeout = 120
# On SIGTERM, let running requests end; a publish that waits is answered within this.
graceful_timeout = 35
keepalive = 20
accesslog = None  # the application logs requests itself, with their ids
# gunicorn's control socket has one path per user: two servers on one machine would share it
control_socket_disable = True
