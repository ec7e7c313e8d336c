/* The physical limit: a relay that moves bytes with splice(2), one process per connection, no copy into user space. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 1 << 18 };

struct direction { int from, to, pipe[2]; size_t held; int ended, finished; };

static void fail(const char *what) { perror(what); exit(1); }

static void open_pipe(struct direction *d) {
  if (pipe2(d->pipe, O_NONBLOCK) < 0) fail("pipe2");
  fcntl(d->pipe[0], F_SETPIPE_SZ, CHUNK);
}

/* Moves what can be moved now; answers 0 once the connection is broken. */
static int move(struct direction *d) {
  if (!d->ended && d->held < CHUNK) {
    ssize_t got = splice(d->from, NULL, d->pipe[1], NULL, CHUNK - d->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got > 0) d->held += (size_t)got;
    else if (got == 0) d->ended = 1;
    else if (errno != EAGAIN) return 0;
  }
  if (d->held > 0) {
    ssize_t put = splice(d->pipe[0], NULL, d->to, NULL, d->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (put > 0) d->held -= (size_t)put;
    else if (put < 0 && errno != EAGAIN) return 0;
  }
  if (d->ended && d->held == 0 && !d->finished) { d->finished = 1; shutdown(d->to, SHUT_WR); }
  return 1;
}

static void relay(int client, int server) {
  struct direction up = { client, server, {0, 0}, 0, 0, 0 }, down = { server, client, {0, 0}, 0, 0, 0 };
  open_pipe(&up);
  open_pipe(&down);
  while (!(up.finished && down.finished)) {
    struct pollfd fds[2] = { { client, 0, 0 }, { server, 0, 0 } };
    if (!up.ended && up.held < CHUNK) fds[0].events |= POLLIN;
    if (!down.ended && down.held < CHUNK) fds[1].events |= POLLIN;
    if (up.held > 0) fds[1].events |= POLLOUT;
    if (down.held > 0) fds[0].events |= POLLOUT;
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (!move(&up) || !move(&down)) return;
  }
}

/* Waited for, so that their processor time counts as this process's own (proc(5), cutime). */
static void reap(int signal) { (void)signal; while (waitpid(-1, NULL, WNOHANG) > 0); }

static struct sockaddr_in loopback(const char *port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port)) };
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int main(int count, char **words) {
  if (count != 3) { fprintf(stderr, "usage: spliceRelay LISTENPORT PORT\n"); return 2; }
  struct sockaddr_in listen_at = loopback(words[1]), connect_to = loopback(words[2]);
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGCHLD, reap);
  signal(SIGPIPE, SIG_IGN);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&listen_at, sizeof listen_at) < 0 || listen(listener, 1024) < 0) fail("listen");
  for (;;) {
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (client < 0) continue;
    if (fork() == 0) {
      int server = socket(AF_INET, SOCK_STREAM, 0);
      close(listener);
      if (connect(server, (struct sockaddr *)&connect_to, sizeof connect_to) < 0) fail("connect");
      fcntl(server, F_SETFL, O_NONBLOCK);
      setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      relay(client, server);
      return 0;
    }
    close(client);
  }
}
