# Finds out whether this machine can run virtual machines, and if not, what to do about it. Sourced by a step.

# processor_extension: vmx or svm when the processor shows it, else nothing.
processor_extension() {
  grep -m 1 '^flags' "$EVC_PROC/cpuinfo" | grep -o -w -m 1 -e vmx -e svm | head -n 1
}

# vendor_extension: what this make of processor calls it, shown or not.
vendor_extension() {
  if grep -q -m 1 '^vendor_id.*\(AMD\|Hygon\)' "$EVC_PROC/cpuinfo"; then echo svm; else echo vmx; fi
}

# hypervisor_hint <systemd-detect-virt's answer> <vmx|svm>: the setting to make outside of this machine.
hypervisor_hint() {
  case $2 in
    svm) module=kvm_amd ;;
    *) module=kvm_intel ;;
  esac
  case $1 in
    kvm)
      echo "The hypervisor (KVM) hides $2. On its host: echo 'options $module nested=1' | sudo tee" \
        "/etc/modprobe.d/nested.conf, then sudo modprobe -r $module && sudo modprobe $module, and give this machine" \
        "the host's processor: virt-xml NAME --edit --cpu host-passthrough (libvirt) or -cpu host (QEMU)" ;;
    qemu)
      echo 'This machine is emulated by QEMU. Start it with -accel kvm -cpu host, or in emulation with -cpu EPYC' ;;
    vmware)
      echo 'The hypervisor (VMware) hides '"$2"'. Power off, set vhv.enable = "TRUE" in the .vmx file, or on vSphere:' \
        'govc vm.change -vm NAME -nested-hv-enabled=true' ;;
    oracle)
      echo "The hypervisor (VirtualBox) hides $2. Power off, then: VBoxManage modifyvm NAME --nested-hw-virt on." \
        "Is it on already? Then VirtualBox runs under Hyper-V (Windows) or Apple's framework (Mac, 7.0 and newer), which cannot nest" ;;
    microsoft)
      echo "The hypervisor (Hyper-V) hides $2. Power off, then in PowerShell as administrator:" \
        'Set-VMProcessor -VMName NAME -ExposeVirtualizationExtensions $true' ;;
    xen)
      echo "The hypervisor (Xen) hides $2. Power off, then: type=\"hvm\" and nestedhvm=1 in the xl configuration (PV" \
        'cannot nest), or on XCP-ng: xe vm-param-set uuid=UUID platform:nested-virt=true' ;;
    parallels)
      echo "The hypervisor (Parallels) hides $2. Power off, then: prlctl set NAME --hypervisor-type parallels" \
        "(Apple's cannot nest) and prlctl set NAME --nested-virt on" ;;
    amazon)
      echo "This instance type hides $2. Use a .metal type: aws ec2 modify-instance-attribute --instance-id ID" \
        '--instance-type c5.metal' ;;
    google)
      echo "The hypervisor (Google) hides $2. Stop the instance, then: gcloud compute instances update NAME" \
        '--enable-nested-virtualization' ;;
    none)
      echo "The firmware of this computer has switched $2 off. Enable Intel VT-x or AMD-V (SVM) in its set-up" ;;
    *)
      echo "The hypervisor ($1) hides $2. Enable nested virtualisation for this machine in its settings" ;;
  esac
}

# firmware_hint <vmx|svm>: the processor shows the extension, but the kernel may not use it.
firmware_hint() {
  echo "The processor has $1, but it is locked: enable Intel VT-x or AMD-V (SVM) in the firmware set-up of the" \
    'computer that runs this machine (kernel: dmesg | grep -i kvm)'
}

# broken_hint: the device opens, but no virtual machine starts.
broken_hint() {
  echo '/dev/kvm is there, but starts no virtual machine (dmesg | grep -i kvm): nested virtualisation is broken on the host' \
    "of this machine. Give it the host's own processor and a newer kernel there"
}

# kvm_works: the device is there and root may open it.
kvm_works() {
  [ -c "$EVC_DEV/kvm" ] && (: <>"$EVC_DEV/kvm") 2>/dev/null
}

# load_kvm: loads the module for the extension that the processor shows; udev would, but at a time of its own choice.
load_kvm() {
  case $(processor_extension) in
    svm) modprobe --quiet kvm_amd ;;
    vmx) modprobe --quiet kvm_intel ;;
  esac
}

# look_for_nesting: sets the facts hypervisor, nested and nestedHint.
look_for_nesting() {
  set_fact hypervisor "$(systemd-detect-virt)"
  load_kvm
  extension=$(processor_extension)
  if kvm_works; then
    set_fact nested kvm
    set_fact nestedHint
    return 0
  fi
  set_fact nested unavailable
  # An appliance that was built without nesting does not ask for it.
  if [ "$NESTED_VIRT" = off ]; then set_fact nestedHint
  elif [ -n "$extension" ]; then set_fact nestedHint "$(firmware_hint "$extension")"
  else set_fact nestedHint "$(hypervisor_hint "$(fact hypervisor)" "$(vendor_extension)")"
  fi
}
