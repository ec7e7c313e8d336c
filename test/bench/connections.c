/*
 * Both ends of the measurements of new connections and of round trips, so cheap that it is the way between them that is
 * measured: an echo; clients of which each sends one byte, waits for it to come back, and has its connection closed by the
 * side that was asked for; and one client that sends byte after byte, alone or beside another that receives without end.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A connection that begins with CLOSING is closed by the echo, once it is answered; one that begins with POURING is sent to without end. */
enum { CLOSING = 'x', LASTING = 'e', POURING = 's', BACKLOG = 1024, EVENTS = 64, BLOCK = 256 * 1024, MAX_TRIPS = 4 * 1000 * 1000 };

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

static void *pour(void *socket) {
  static char block[BLOCK];
  while (send((int)(long)socket, block, sizeof block, 0) > 0);
  close((int)(long)socket);
  return NULL;
}

static void begin(void *(*work)(void *), void *on) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, on) != 0) fail("pthread_create");
  pthread_detach(thread);
}

static void answer(int poll, int socket) {
  char byte;
  int isHeard = recv(socket, &byte, 1, 0) == 1;
  if (isHeard && byte == POURING) {
    epoll_ctl(poll, EPOLL_CTL_DEL, socket, NULL);
    begin(pour, (void *)(long)socket);
    return;
  }
  if (isHeard && send(socket, &byte, 1, 0) == 1 && byte != CLOSING) return;
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
      if (events[each].data.fd != listener) { answer(poll, events[each].data.fd); continue; }
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

static int dial(void) {
  int client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, (struct sockaddr *)&destination, sizeof destination) < 0) fail("connect");
  at_once(client);
  return client;
}

static void once(void) {
  char byte = first;
  int client = dial();
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

static atomic_long received;

static void *drain(void *client) {
  static char block[BLOCK];
  long length;
  while ((length = recv((int)(long)client, block, sizeof block, 0)) > 0) atomic_fetch_add(&received, length);
  fail("drain");
  return NULL;
}

static int ascending(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return (difference > 0) - (difference < 0);
}

/* Says the median and the 99th percentile of the round trips in ms, and MB/s of what came beside them; what came before `warm` seconds is left out. */
static int trips(double warm, int isBeside) {
  static double times[MAX_TRIPS];
  int client = dial(), number = 0;
  char byte = LASTING;
  double sent, measured = 0, before = 0;
  if (isBeside) {
    int bulk = dial();
    char pouring = POURING;
    if (send(bulk, &pouring, 1, 0) != 1) fail("pour");
    begin(drain, (void *)(long)bulk);
  }
  for (start = now(); (sent = now()) - start < warm + seconds && number < MAX_TRIPS;) {
    if (measured == 0 && sent - start >= warm) { measured = sent; before = (double)received; number = 0; }
    if (send(client, &byte, 1, 0) != 1 || recv(client, &byte, 1, 0) != 1) fail("exchange");
    times[number++] = (now() - sent) * 1e3;
  }
  double rate = ((double)received - before) / 1e6 / (now() - measured);
  qsort(times, (size_t)number, sizeof *times, ascending);
  printf("%f %f %f\n", times[number / 2], times[number * 99 / 100], rate);
  return 0;
}

int main(int count, char **words) {
  signal(SIGPIPE, SIG_IGN);
  if (count == 2 && strcmp(words[1], "echo") == 0) echo();
  if (count != 5) {
    fprintf(stderr, "usage: connections echo | connections PORT client|server LANES SECONDS | connections PORT alone|beside WARM SECONDS\n");
    return 2;
  }
  destination = loopback(atoi(words[1]));
  first = strcmp(words[2], "server") == 0 ? CLOSING : LASTING;
  seconds = atof(words[4]);
  if (strcmp(words[2], "alone") == 0 || strcmp(words[2], "beside") == 0) return trips(atof(words[3]), words[2][0] == 'b');
  return clients(atoi(words[3]));
}
