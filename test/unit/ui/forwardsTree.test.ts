import { describe, expect, it, vi } from 'vitest';
import { NO_TRAFFIC, type Connection } from '../../../src/core/forward.ts';
import { ForwardsTree, type TreeNode } from '../../../src/ui/forwardsTree.ts';
import { connectionOf, createModel, define, DYNAMIC, FAILOVER, RANGE, RELAY, REMOTE, SOCKETS, UDP } from './samples.ts';

/** Rows are objects of the editor's own classes. */
vi.mock('vscode', async () => new (await import('./fakeVscode.ts')).FakeEditor().api);

function setup(isGrouped = false) {
  const world = createModel();
  const warnings = new Map<string, string>();
  const tree = new ForwardsTree({ ...world, problems: () => [], isGrouped: () => isGrouped, programOf: () => undefined, warningOf: (id) => warnings.get(id) });
  const redrawn: (string | undefined)[] = [];
  tree.onDidChangeTreeData((node: TreeNode | undefined) => { redrawn.push(node?.id); });
  const show = (id: string, ...connectionIds: number[]): void => {
    const connections = connectionIds.map((connectionId) => connectionOf({ id: connectionId }));
    world.runner.traffic.fire({ id, traffic: { ...NO_TRAFFIC, openConnections: Math.min(100, connections.length), connections } });
  };
  /** Draws everything, as the view does. */
  const draw = (node?: TreeNode): string[] => tree.getChildren(node).flatMap((child) => {
    tree.getTreeItem(child);
    return [child.id, ...draw(child)];
  });
  return { ...world, tree, redrawn, show, draw, warnings };
}

/** As ssh_config offers it. */
const offer = (id: string) => define(id, { origin: 'ssh-config', source: { file: '/home/me/.ssh/config', line: 3 } });

describe('the rows of the tree', () => {
  it('are the forwards, and under each what it listens on and its connections', () => {
    const { model, comeUp, show, draw } = setup();
    model.put(define('a'));
    model.put(define('b'));
    model.start('a');
    comeUp('a');
    show('a', 1, 2);
    expect(draw()).toEqual(['forward:a', 'address:a:0', 'connection:a:1', 'connection:a:2', 'forward:b']);
  });

  it('warn at what listens, and in the tooltip, of who else localhost leads to', () => {
    const { model, comeUp, draw, tree, warnings, redrawn } = setup();
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    draw();
    redrawn.length = 0;
    warnings.set('a', 'localhost may lead to node (pid 7), which has [::1]:5432');
    tree.refreshAges();
    expect(redrawn).toEqual(['forward:a']);
    const row = tree.getTreeItem(tree.getChildren(tree.nodeOf('a'))[0]!);
    expect(row.description).toContain('·  localhost may lead to node (pid 7), which has [::1]:5432');
    expect(row.iconPath).toMatchObject({ id: 'warning' });
    expect((tree.getTreeItem(tree.nodeOf('a')).tooltip as { value: string }).value).toContain('Warning: localhost may lead to node (pid 7), which has [::1]:5432.');
  });

  it('are for a range each of its ports, then the connections', () => {
    const { model, comeUp, show, draw, tree } = setup();
    model.put(define('a', { spec: { ...RANGE, portCount: 3 } }));
    model.start('a');
    comeUp('a', { addresses: [{ host: '127.0.0.1', port: 8000 }] });
    show('a', 1);
    expect(draw()).toEqual(['forward:a', 'address:a:0', 'address:a:1', 'address:a:2', 'connection:a:1']);
    expect(tree.getTreeItem(tree.getChildren(tree.nodeOf('a'))[2]!).description).toBe('127.0.0.1:8002 → far:9002');
  });

  it.each([
    [SOCKETS, { path: '/home/me/a.sock' }, ['Listen on the socket ~/a.sock, connect to the socket /run/b.sock', 'Listening on /home/me/a.sock', 'Forward Port: ~/a.sock:/run/b.sock']],
    [UDP, { host: '127.0.0.1', port: 5353 }, ['Relay datagrams (UDP) from 127.0.0.1:5353 to 10.0.0.2:53, not encrypted.', '1 open flow, 4 in all', 'Forward Port: udp:5353:10.0.0.2:53']],
    [RANGE, { host: '127.0.0.1', port: 8000 }, ['Listening on 127.0.0.1:8000-8010', 'Forward Port: 8000-8010:far:9000-9010']],
    [FAILOVER, { host: '127.0.0.1', port: 5432 }, ['connect to db1:5432, else to db2:5433, else to the socket /run/db.sock', '1 open connection, 4 in all', 'Forward Port: 5432:db1:5432,db2:5433,/run/db.sock']],
    [{ ...RELAY, sendsProxyHeader: true } as const, { host: '127.0.0.1', port: 8080 }, ['saying in a PROXY header who connected', 'Forward Port: 8080:far:80 send-proxy-v2']],
  ])('tell in the tooltip of %j the whole story', (spec, address, texts) => {
    const { model, runner, comeUp, tree } = setup();
    model.put(define('a', { spec }));
    model.start('a');
    comeUp('a', { addresses: [address] });
    runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, openConnections: 1, totalConnections: 4 } });
    const { tooltip } = tree.getTreeItem(tree.nodeOf('a'));
    for (const text of texts) expect((tooltip as { value: string }).value).toContain(text);
  });

  it('tell in the tooltip when the tunnel opens and when the forward ends', () => {
    const { model, runner, comeUp, tree } = setup();
    const tooltip = (): string => (tree.getTreeItem(tree.nodeOf('a')).tooltip as { value: string }).value;
    model.put(define('a', { isOnDemand: true, stopAfterMinutes: 90 }));
    expect(tooltip()).toContain('On demand: the tunnel opens for the first connection');
    expect(tooltip()).toContain('Stops by itself after 1 h 30 min of running.');
    model.start('a');
    comeUp('a');
    expect(tooltip()).toContain('Stops by itself in 1 h 30 min.');
    expect(tooltip()).not.toContain('of running');
    runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, openConnections: 2, totalConnections: 4 } });
    expect(tooltip()).toContain('State: listening, for 0 s');
  });

  it('stay to be seen while a forward waits for its connections', () => {
    const { model, runner, comeUp, show, draw, tree } = setup();
    runner.stopsAtOnce = false;
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    model.stop('a', { drainMs: 60_000 });
    show('a', 1);
    expect(draw()).toEqual(['forward:a', 'connection:a:1']);
    expect(tree.getTreeItem(tree.nodeOf('a')).collapsibleState).toBe(1);
  });

  it('stand under their servers when there are several', () => {
    const { model, draw, tree } = setup(true);
    model.put(define('a'));
    expect(draw()).toEqual(['forward:a']);
    model.put(define('b', { spec: RELAY }));
    expect(draw()).toEqual(['group:me@bastion', 'forward:a', 'group:This computer', 'forward:b']);
    expect(tree.getParent(tree.nodeOf('b'))?.id).toBe('group:This computer');
  });

  it('stay the same objects while they are there, so that the selection survives', () => {
    const { model, comeUp, show, tree } = setup();
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    show('a', 1, 2);
    const before = tree.getChildren(tree.nodeOf('a'));
    show('a', 2, 3);
    const after = tree.getChildren(tree.nodeOf('a'));
    expect(after.map(({ id }) => id)).toEqual(['address:a:0', 'connection:a:2', 'connection:a:3']);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[2]);
    expect(tree.getChildren()[0]).toBe(tree.nodeOf('a'));
  });

  it('are forgotten with their connection: a number that comes back is a new row', () => {
    const { model, comeUp, show, tree } = setup();
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    show('a', 1);
    const before = tree.getChildren(tree.nodeOf('a'))[1];
    show('a');
    tree.getChildren(tree.nodeOf('a'));
    show('a', 1);
    expect(tree.getChildren(tree.nodeOf('a'))[1]).not.toBe(before);
  });

  it('are forgotten with their forward', () => {
    const { model, draw, tree } = setup();
    model.put(define('a'));
    draw();
    const before = tree.getChildren()[0];
    model.remove('a');
    expect(draw()).toEqual([]);
    model.put(define('a'));
    expect(tree.getChildren()[0]).not.toBe(before);
  });

  it('are drawn again one by one while they stay where they are, so that none is lost under the pointer', () => {
    const { model, tree, redrawn, draw } = setup(true);
    for (const id of ['a', 'b']) model.put(define(id));
    expect(redrawn).toEqual([undefined, undefined]);
    draw();
    redrawn.length = 0;
    model.put(define('a', { autoStart: true }));
    model.put(define('a', { autoStart: true, name: 'db' }));
    expect(redrawn).toEqual(['forward:a', 'forward:a']);
    expect((tree.getTreeItem(tree.nodeOf('a')).tooltip as { value: string }).value).toContain('starts with the editor');
    for (const change of [() => { model.put(define('c')); }, () => { model.remove('c'); }, () => { model.put(define('b', { spec: RELAY })); }, () => { model.replaceUserForwards([define('b', { spec: RELAY }), define('a')]); }]) {
      draw();
      redrawn.length = 0;
      change();
      expect(redrawn).toEqual([undefined]);
    }
  });

  it('are drawn again only when something looks different', () => {
    const { model, comeUp, show, draw, redrawn, clock, tree } = setup();
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    show('a', 1);
    draw();
    redrawn.length = 0;
    show('a', 1);
    tree.refreshAges();
    expect(redrawn).toEqual([]);
    clock.advance(60_000);
    tree.refreshAges();
    expect(redrawn).toEqual(['forward:a']);
  });

  it('are drawn again alone, and in steps, when a connection grows older, so that the tooltip of its forward can be read', () => {
    const { model, comeUp, runner, show, draw, redrawn, clock, tree } = setup();
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    const connections = [1, 2].map((id) => connectionOf({ id, openedAt: clock.now() - 5_000 }));
    runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, openConnections: 2, connections } });
    draw();
    redrawn.length = 0;
    clock.advance(4_000);
    tree.refreshAges();
    expect(redrawn).toEqual([]);
    clock.advance(1_000);
    tree.refreshAges();
    expect(redrawn).toEqual(['connection:a:1', 'connection:a:2']);
    tree.refreshAges();
    expect(redrawn).toHaveLength(2);
    show('a', 1);
    expect(redrawn.slice(2)).toEqual(['forward:a']);
  });

  it('are looked at a few at a time when they are many, every one of them', () => {
    const { model, comeUp, draw, redrawn, clock, tree } = setup();
    const ids = Array.from({ length: 120 }, (_, index) => `f${String(index)}`);
    for (const id of ids) {
      model.put(define(id));
      model.start(id);
      comeUp(id);
    }
    draw();
    clock.advance(60_000);
    redrawn.length = 0;
    tree.refreshAges();
    // Asked for while the first are under way.
    tree.refreshAges();
    expect(redrawn).toHaveLength(50);
    clock.advance(10);
    expect(redrawn).toHaveLength(100);
    clock.advance(1_000);
    expect(new Set(redrawn)).toEqual(new Set(ids.map((id) => `forward:${id}`)));
    tree.refreshAges();
    tree.dispose();
    const { length } = redrawn;
    clock.advance(1_000);
    expect(redrawn).toHaveLength(length);
  });

  it('count what is too much to show, and the count follows', () => {
    const { model, comeUp, show, draw, redrawn, tree } = setup();
    model.put(define('a'));
    model.start('a');
    comeUp('a');
    const many = Array.from({ length: 103 }, (_, index) => index + 1);
    show('a', ...many);
    expect(draw()).toHaveLength(1 + 1 + 100 + 1);
    const more = tree.getChildren(tree.nodeOf('a')).at(-1)!;
    expect(tree.getTreeItem(more)).toMatchObject({ label: '3 more', accessibilityInformation: { label: '3 more connections' } });
    redrawn.length = 0;
    show('a', ...many, 104);
    expect(redrawn).toEqual(['forward:a']);
  });

  it('of a proxy name where each connection goes, drawn again when that becomes known', () => {
    const { model, runner, comeUp, draw, redrawn, tree } = setup();
    model.put(define('a', { spec: DYNAMIC }));
    model.start('a');
    comeUp('a');
    const show = (changes: Partial<Connection>): void => {
      runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, openConnections: 1, connections: [connectionOf(changes)] } });
    };
    show({ phase: 'dialing' });
    draw();
    redrawn.length = 0;
    show({ destination: 'db:5432' });
    expect(redrawn).toEqual(['connection:a:1']);
    expect(tree.getTreeItem(tree.getChildren(tree.nodeOf('a'))[1]!).description).toContain('→ db:5432');
  });

  it('of what listens on a server say so', () => {
    const { model, comeUp, show, tree } = setup();
    model.put(define('a', { spec: REMOTE }));
    model.start('a');
    comeUp('a', { addresses: [{ host: 'localhost', port: 9000 }] });
    show('a', 1);
    const [address, connection] = tree.getChildren(tree.nodeOf('a')).map((node) => tree.getTreeItem(node));
    expect(address).toMatchObject({ label: 'LISTEN on me@bastion', description: 'localhost:9000' });
    expect(connection?.description).toContain('bastion:64384');
    const { tooltip } = tree.getTreeItem(tree.nodeOf('a'));
    expect((tooltip as { value: string }).value).toContain('Listening on localhost:9000 of me@bastion');
  });

  it('that ssh_config offers stand folded under one heading, each with its server, whether grouped or not', () => {
    for (const isGrouped of [true, false]) {
      const { model, draw, tree } = setup(isGrouped);
      model.put(define('a'));
      model.replaceConfigForwards([offer('x'), offer('y')]);
      expect(draw()).toEqual(['forward:a', 'config', 'forward:x', 'forward:y']);
      const heading = tree.getChildren().at(-1)!;
      expect(tree.getTreeItem(heading)).toMatchObject({ label: 'From ssh_config', description: '2 forwards', contextValue: 'configGroup' });
      expect(tree.getTreeItem(tree.nodeOf('x'))).toMatchObject({ description: 'via me@bastion  ·  stopped', contextValue: 'forward.local.stopped.readonly' });
      expect(tree.getParent(tree.nodeOf('x'))).toBe(heading);
      model.put(define('a', { spec: RELAY }));
      expect(draw()).toEqual(['forward:a', 'config', 'forward:x', 'forward:y']);
    }
  });

  it('that ssh_config offers are counted with what they do, and the heading follows', () => {
    const { model, comeUp, draw, redrawn, tree } = setup(true);
    model.replaceConfigForwards([offer('x'), offer('y')]);
    draw();
    redrawn.length = 0;
    model.start('x');
    expect(redrawn).toEqual(['forward:x']);
    comeUp('x');
    expect(redrawn).toContain('config');
    expect(tree.getTreeItem(tree.getChildren()[0]!)).toMatchObject({ description: '2 forwards  ·  1 listening' });
    model.replaceConfigForwards([]);
    model.stop('x');
    model.replaceConfigForwards([]);
    expect(draw()).toEqual([]);
  });

  it('have one sentence each for a screen reader', () => {
    const { model, comeUp, show, tree } = setup();
    model.put(define('a', { name: 'Database' }));
    model.start('a');
    comeUp('a');
    show('a', 1);
    for (const node of [tree.nodeOf('a'), ...tree.getChildren(tree.nodeOf('a'))]) expect(tree.getTreeItem(node).accessibilityInformation?.label.length).toBeGreaterThan(10);
  });
});
