# Makes a virtual machine of this folder's disk in Hyper-V and starts it. Run as administrator:
#   powershell -ExecutionPolicy Bypass -File import.ps1
#Requires -Version 5.1
param(
    [string]$Name = 'ciab-0.1.0+20260101.0123abcd',
    # A switch of Hyper-V (Get-VMSwitch). An external one puts the cloud on your network.
    [string]$SwitchName = 'Default Switch',
    # Folder for the machine; the disk is copied there, so that the one here stays as it is.
    [string]$Path = '',
    [int]$MemoryMiB = 4096,
    [int]$Processors = 2,
    # 2 boots by UEFI, 1 by BIOS: the disk can do both.
    [ValidateSet(1, 2)][int]$Generation = 2,
    # Make the machine, but do not start it.
    [switch]$NoStart
)
$ErrorActionPreference = 'Stop'
$Disk = Join-Path $PSScriptRoot 'ciab-0.1.0+20260101.0123abcd.vhdx'
$Nested = $true

function Stop-Import([string]$Message) {
    [Console]::Error.WriteLine("import.ps1: $Message")
    exit 1
}

$Me = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $Me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-Import 'Only an administrator may make virtual machines: open PowerShell by "Run as administrator".'
}
if (-not (Get-Module -ListAvailable -Name Hyper-V)) {
    Stop-Import 'Hyper-V is not installed: Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All'
}
if (-not (Test-Path -LiteralPath $Disk)) {
    Stop-Import "Could not find ${Disk}: script and disk belong in one folder."
}
if (Get-VM -Name $Name -ErrorAction SilentlyContinue) {
    Stop-Import "There is a machine called $Name already: choose another name by -Name."
}
if (-not (Get-VMSwitch -Name $SwitchName -ErrorAction SilentlyContinue)) {
    $Known = (Get-VMSwitch | ForEach-Object { $_.Name }) -join ', '
    Stop-Import "There is no switch called ${SwitchName}: choose one by -SwitchName ($Known)."
}

if (-not $Path) { $Path = Join-Path (Get-VMHost).VirtualMachinePath $Name }
New-Item -ItemType Directory -Force -Path $Path | Out-Null
$Copy = Join-Path $Path (Split-Path -Leaf $Disk)
if (Test-Path -LiteralPath $Copy) { Stop-Import "$Copy is there already: choose another folder by -Path." }
Write-Host "Copying the disk to $Copy"
Copy-Item -LiteralPath $Disk -Destination $Copy

$Machine = New-VM -Name $Name -Generation $Generation -MemoryStartupBytes ([int64]$MemoryMiB * 1048576) -VHDPath $Copy -SwitchName $SwitchName -Path $Path
Set-VMProcessor -VM $Machine -Count $Processors
# Machines inside need memory that stays.
Set-VMMemory -VM $Machine -DynamicMemoryEnabled $false
# Server 2016 knows no automatic checkpoints.
if ((Get-Command Set-VM).Parameters.ContainsKey('AutomaticCheckpointsEnabled')) {
    Set-VM -VM $Machine -AutomaticCheckpointsEnabled $false
}
if ($Generation -eq 2) { Set-VMFirmware -VM $Machine -EnableSecureBoot Off }
if ($Nested) {
    # Intel: Windows 10 or Server 2016 and newer. AMD: Windows 11 or Server 2022.
    try { Set-VMProcessor -VM $Machine -ExposeVirtualizationExtensions $true }
    catch { Write-Warning "This host cannot give nested virtualisation ($_): the cloud will run containers, but no virtual machines." }
    # Machines inside have addresses of their own behind this card.
    Get-VMNetworkAdapter -VM $Machine | Set-VMNetworkAdapter -MacAddressSpoofing On
}
if (-not $NoStart) { Start-VM -VM $Machine }
Write-Host "Made the machine $Name. To see its screen: vmconnect localhost '$Name'"
