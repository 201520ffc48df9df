# Imports this folder's appliance into VirtualBox, with nested virtualisation, and starts it:
#   powershell -ExecutionPolicy Bypass -File import.ps1
#Requires -Version 5.1
param(
    [string]$Name = 'ciab-0.1.0+20260101.0123abcd',
    [int]$MemoryMiB = 4096,
    [int]$Processors = 2,
    # A network device of this computer (VBoxManage list bridgedifs): puts the machine on your network.
    [string]$Bridge = '',
    # Make the machine, but do not start it.
    [switch]$NoStart
)
$ErrorActionPreference = 'Stop'
$Appliance = Join-Path $PSScriptRoot 'ciab-0.1.0+20260101.0123abcd.ova'
$Nested = $true

function Stop-Import([string]$Message) {
    [Console]::Error.WriteLine("import.ps1: $Message")
    exit 1
}

function Invoke-VBox {
    & $VBox @args
    if ($LASTEXITCODE -ne 0) { Stop-Import "VBoxManage $($args -join ' ') failed." }
}

$Found = Get-Command VBoxManage -ErrorAction SilentlyContinue
if ($Found) { $VBox = $Found.Source }
elseif ($env:VBOX_MSI_INSTALL_PATH) { $VBox = Join-Path $env:VBOX_MSI_INSTALL_PATH 'VBoxManage.exe' }
else { Stop-Import 'Could not find VBoxManage: install VirtualBox 6.1 or newer.' }
if (-not (Test-Path -LiteralPath $Appliance)) {
    Stop-Import "Could not find ${Appliance}: script and appliance belong in one folder."
}
if ((& $VBox list vms) -match ('^"' + [regex]::Escape($Name) + '" ')) {
    Stop-Import "There is a machine called $Name already: choose another name by -Name."
}

Invoke-VBox import $Appliance --vsys 0 --vmname $Name --cpus $Processors --memory $MemoryMiB
if ($Nested) {
    & $VBox modifyvm $Name --nested-hw-virt on
    # Where Windows itself runs under Hyper-V (WSL 2, memory integrity), VirtualBox has no processor to give on.
    if ($LASTEXITCODE -ne 0) { Write-Warning 'No nested virtualisation here: the cloud will run containers, but no virtual machines.' }
}
if ($Bridge) {
    Invoke-VBox modifyvm $Name '--nic1' bridged '--bridgeadapter1' $Bridge '--nic-promisc1' allow-all
} else {
    Invoke-VBox modifyvm $Name '--natpf1' 'web,tcp,127.0.0.1,8080,,80' '--natpf1' 'api,tcp,127.0.0.1,8443,,8443' '--natpf1' 'ssh,tcp,127.0.0.1,2222,,22'
    Write-Host 'On this machine: web page http://127.0.0.1:8080, API https://127.0.0.1:8443, SSH port 2222'
}
Write-Host "Made the machine $Name."
if (-not $NoStart) { Invoke-VBox startvm $Name }
