/** What the download page says of each target: its hypervisors, whose machines run them, and one line that starts the image. */
export interface Hypervisor {
  readonly title: string
  /** Operating systems of a visitor's machine for which this is the first choice. */
  readonly systems: readonly ('windows' | 'mac' | 'linux')[]
  /** Typed in the folder of the download, each on one system. `file`: the downloaded file's name, quoted for a shell. */
  readonly start: (file: string) => readonly string[]
}

/** The zip holds one folder of its own name. Windows has tar, and reads both slashes. */
function startPacked(file: string): readonly string[] {
  const folder = file.replace(/\.zip(?='?$)/, '')
  return [`unzip ${file} && sh ${folder}/start.sh`, `tar -xf ${file}; powershell -ExecutionPolicy Bypass -File ${folder}/start.ps1`]
}

/** In the order of the page; a target that is not here comes last, under its own name. */
const hypervisors: Readonly<Record<string, Hypervisor>> = {
  virtualbox: { title: 'VirtualBox', systems: ['windows', 'linux'], start: file => [`VBoxManage import ${file}`] },
  vmware: { title: 'VMware Workstation, Player and Fusion', systems: ['windows', 'mac'], start: startPacked },
  hyperv: { title: 'Hyper-V', systems: ['windows'], start: () => ['powershell -ExecutionPolicy Bypass -File .\\import.ps1'] },
  kvm: { title: 'QEMU/KVM and libvirt', systems: ['linux'], start: () => ['sudo sh run-evc.sh'] },
  parallels: { title: 'Parallels Desktop', systems: ['mac'], start: () => ['sh import.sh'] },
  ova: { title: 'VMware vSphere and ESXi', systems: [], start: () => ['GOVC_URL=user@host sh import.sh'] },
  xva: { title: 'XCP-ng and XenServer', systems: [], start: () => ['sh import.sh'] },
  xen: { title: 'Xen', systems: [], start: () => ['sudo sh start.sh'] },
  vagrant: { title: 'Vagrant', systems: [], start: () => ['sh start.sh'] },
  raw: { title: 'Raw disk', systems: [], start: file => [`zstd -d --sparse ${file}`] },
}

export function hypervisorOf(target: string): Hypervisor {
  return hypervisors[target] ?? { title: target, systems: [], start: () => ['less README.txt'] }
}

export function inPageOrder<Item extends { readonly name: string }>(targets: readonly Item[]): Item[] {
  const names = Object.keys(hypervisors)
  const rank = ({ name }: Item) => (names.includes(name) ? names.indexOf(name) : names.length)
  return [...targets].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
}
