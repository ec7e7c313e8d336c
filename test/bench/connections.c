/*
 * Both ends of the measurement of new connections, so cheap that it is the way between them that is measured: an echo, and
 * clients of which each sends one byte, waits for it to come back, and has its connection closed by the side that was asked for.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A connection that begins with this byte is closed by the echo, once it is answered. */
enum { CLOSING = 'x', LASTING = 'e', BACKLOG = 1024, EVENTS = 64 };

static void fail(const char *what) { perror(what); exit(1); }

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void at_once(int socket) {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void answer(int socket) {
  char byte;
  if (recv(socket, &byte, 1, 0) == 1 && send(socket, &byte, 1, 0) == 1 && byte != CLOSING) return;
  close(socket);
}

/* Says its port and answers until it is killed. */
static void echo(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
  if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, BACKLOG) < 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, events[EVENTS];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(poll, events, EVENTS, -1);
    for (int each = 0; each < count; each += 1) {
      if (events[each].data.fd != listener) { answer(events[each].data.fd); continue; }
      event.data.fd = accept(listener, NULL, NULL);
      if (event.data.fd < 0) continue;
      at_once(event.data.fd);
      epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
    }
  }
}

static struct sockaddr_in destination;
static char first;
static double start, seconds;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void once(void) {
  char byte = first;
  int client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, (struct sockaddr *)&destination, sizeof destination) < 0) fail("connect");
  at_once(client);
  if (send(client, &byte, 1, 0) != 1 || recv(client, &byte, 1, 0) != 1) fail("exchange");
  if (first != CLOSING) shutdown(client, SHUT_WR);
  if (recv(client, &byte, 1, 0) != 0) fail("end");
  close(client);
}

static void *lane(void *count) {
  for (; now() - start < seconds; *(long *)count += 1) once();
  return NULL;
}

/* Says how many connections a second there were. */
static int clients(int lanes) {
  pthread_t threads[lanes];
  long counts[lanes], sum = 0;
  start = now();
  for (int each = 0; each < lanes; each += 1) {
    counts[each] = 0;
    if (pthread_create(&threads[each], NULL, lane, &counts[each]) != 0) fail("pthread_create");
  }
  for (int each = 0; each < lanes; each += 1) {
    pthread_join(threads[each], NULL);
    sum += counts[each];
  }
  printf("%f\n", (double)sum / (now() - start));
  return 0;
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  if (count == 2 && strcmp(words[1], "echo") == 0) echo();
  if (count != 5) { fprintf(stderr, "usage: connections echo | connections PORT client|server LANES SECONDS\n"); return 2; }
  destination = loopback(atoi(words[1]));
  first = strcmp(words[2], "server") == 0 ? CLOSING : LASTING;
  seconds = atof(words[4]);
  return clients(atoi(words[3]));
}
