/** Ids shared with the manifest; a test holds package.json against them. */
export const COMMANDS = {
  forwardPort: 'culvert.forwardPort',
  start: 'culvert.start',
  tryAgain: 'culvert.tryAgain',
  stop: 'culvert.stop',
  drain: 'culvert.drain',
  restart: 'culvert.restart',
  takeOver: 'culvert.takeOver',
  edit: 'culvert.edit',
  rename: 'culvert.rename',
  remove: 'culvert.remove',
  toggleAutoStart: 'culvert.toggleAutoStart',
  toggleOnDemand: 'culvert.toggleOnDemand',
  stopAfter: 'culvert.stopAfter',
  copyAddress: 'culvert.copyAddress',
  openInBrowser: 'culvert.openInBrowser',
  copySshCommand: 'culvert.copySshCommand',
  explain: 'culvert.explain',
  diagnose: 'culvert.diagnose',
  copyReport: 'culvert.copyReport',
  showLog: 'culvert.showLog',
  startAll: 'culvert.startAll',
  stopAll: 'culvert.stopAll',
  toggleGrouping: 'culvert.toggleGrouping',
  forgetSecrets: 'culvert.forgetSecrets',
  forgetAllSecrets: 'culvert.forgetAllSecrets',
  openSettings: 'culvert.openSettings',
  openInConfig: 'culvert.openInConfig',
  copyAs: 'culvert.copyAs',
  setProxyLogin: 'culvert.setProxyLogin',
  setHealthCheck: 'culvert.setHealthCheck',
} as const;

export const VIEWS = { forwards: 'culvert.forwards' } as const;

/** Of the documents that say why a forward does not work. */
export const DIAGNOSIS_SCHEME = 'culvert-diagnosis';

export const VIEW_CONTAINER = 'culvert';

export const SECTION = 'culvert';

/** Settings, without the section. */
export const SETTINGS = {
  forwards: 'forwards',
  groupByServer: 'groupByServer',
  showConfigForwards: 'showConfigForwards',
  sshPath: 'sshPath',
  sshConfigFile: 'sshConfigFile',
  parkedConnections: 'parkedConnections',
  parkedSeconds: 'parkedSeconds',
  idleMinutes: 'idleMinutes',
  maxConnections: 'maxConnections',
  maxQueuedMegabytesPerServer: 'maxQueuedMegabytesPerServer',
  maxQueuedMegabytes: 'maxQueuedMegabytes',
} as const;

/** `contextValue` of the tree's rows; the manifest's menus match on them. */
export const ROW_CONTEXTS = {
  group: 'group',
  configGroup: 'configGroup',
  address: 'address',
  connection: 'connection',
  problem: 'problem',
} as const;
