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
    # For containers alone: do not ask for nested virtualisation.
    [switch]$NoNesting,
    # Make the machine, but do not start it.
    [switch]$NoStart,
    # How long to wait until it is ready; 0: do not wait.
    [ValidateRange(0, 86400)][int]$WaitSeconds = 300
)
$ErrorActionPreference = 'Stop'
$Disk = Join-Path $PSScriptRoot 'ciab-0.1.0+20260101.0123abcd.vhdx'
$Nested = $true
if ($NoNesting) { $Nested = $false }

$Me = Split-Path -Leaf $PSCommandPath

function Stop-Script([string]$Message) {
    [Console]::Error.WriteLine("${Me}: $Message")
    exit 1
}

function Write-Step([string]$Message) { Write-Host "${Me}: $Message" }

# Hyper-V, WSL 2 and memory integrity (VBS) run Windows itself as a guest; other hypervisors then cannot give VT-x on.
function Test-VirtualisationHeld {
    if (-not (Get-CimInstance -ClassName Win32_ComputerSystem).HypervisorPresent) { return $false }
    Write-Warning ('Windows runs under Hyper-V here (Hyper-V itself, WSL 2 or memory integrity), which holds the processor''s virtualisation: ' +
        'the cloud will run containers, but no virtual machines. To switch it off, as administrator: bcdedit /set hypervisorlaunchtype off, ' +
        'memory integrity off in Windows Security, Device security, Core isolation; then restart.')
    return $true
}

# The next port that nobody listens on.
function Get-FreePort([int]$First, [int[]]$Given) {
    $Listening = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpListeners() | ForEach-Object { $_.Port }
    $Port = $First
    while (($Listening -contains $Port) -or ($Given -contains $Port)) { $Port++ }
    return $Port
}

function Show-Addresses([string]$Name, [int]$Http, [int]$Console, [int]$Api, [int]$Ssh) {
    Write-Output "page     http://${Name}:$Http/"
    Write-Output "console  https://${Name}:$Console/"
    Write-Output "API      https://${Name}:$Api"
    Write-Output "SSH      ssh -p $Ssh evc@$Name"
}

# One limit for all that is waited for, an address and then the page: its seconds that are left, and no more than these.
function Get-SecondsLeft([datetime]$End, [int]$Most) {
    return [int][Math]::Max(1, [Math]::Min($Most, ($End - (Get-Date)).TotalSeconds))
}

# What the block tells, once that is an address; nothing when the time is over.
function Wait-Address([scriptblock]$Ask, [datetime]$End) {
    while ((Get-Date) -lt $End) {
        $Found = & $Ask | Where-Object { $_ -match '^\d+\.\d+\.\d+\.\d+$' } | Select-Object -First 1
        if ($Found) { return $Found }
        Start-Sleep -Seconds (Get-SecondsLeft $End 3)
    }
}

# No proxy knows the way to the appliance. Windows PowerShell 5 has no parameter for that.
function Get-Directly([string]$Address, [int]$Seconds) {
    $Without = @{}
    if ((Get-Command Invoke-WebRequest).Parameters.ContainsKey('NoProxy')) { $Without['NoProxy'] = $true }
    else { [Net.WebRequest]::DefaultWebProxy = $null }
    return (Invoke-WebRequest -UseBasicParsing -TimeoutSec $Seconds -Uri $Address @Without).Content
}

# Asks the appliance's page how far it is.
function Wait-Ready([string]$Page, [int]$Seconds, [datetime]$End) {
    $Told = ''
    while ((Get-Date) -lt $End) {
        try { $State = Get-Directly "${Page}state.json" (Get-SecondsLeft $End 5) | ConvertFrom-Json }
        catch { $State = $null }
        if ($State -and ($State.state -ne $Told)) {
            $Told = $State.state
            Write-Step $Told
        }
        if ($Told -eq 'failed') { Stop-Script "Step $($State.step) failed: $($State.reason). It is tried again at the next start." }
        if ($Told -eq 'ready') {
            if ($State.nestedHint) { Write-Step "No virtual machines inside yet: $($State.nestedHint)" }
            Write-Step 'User, password and API token were made by this copy itself; they are on its screen above the log-in prompt.'
            return
        }
        Start-Sleep -Seconds (Get-SecondsLeft $End 3)
    }
    Stop-Script "The appliance is not ready after $Seconds s. It goes on by itself; its screen and $Page tell how far it is."
}

$User = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $User.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-Script 'Only an administrator may make virtual machines: open PowerShell by "Run as administrator".'
}
if (-not (Get-Module -ListAvailable -Name Hyper-V)) {
    Stop-Script 'Hyper-V is not installed: Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All'
}
if (-not (Test-Path -LiteralPath $Disk)) {
    Stop-Script "Could not find ${Disk}: script and disk belong in one folder."
}
if (Get-VM -Name $Name -ErrorAction SilentlyContinue) {
    Stop-Script "There is a machine called $Name already: choose another name by -Name, or start it: Start-VM -Name '$Name'"
}
if (-not (Get-VMSwitch -Name $SwitchName -ErrorAction SilentlyContinue)) {
    $Known = (Get-VMSwitch | ForEach-Object { $_.Name }) -join ', '
    Stop-Script "There is no switch called ${SwitchName}: choose one by -SwitchName ($Known)."
}

if (-not $Path) { $Path = Join-Path (Get-VMHost).VirtualMachinePath $Name }
# Hyper-V takes an even number of MiB only.
$MemoryMiB += $MemoryMiB % 2
$FolderIsNew = -not (Test-Path -LiteralPath $Path)
$Path = (New-Item -ItemType Directory -Force -Path $Path).FullName
$Copy = Join-Path $Path (Split-Path -Leaf $Disk)
if (Test-Path -LiteralPath $Copy) { Stop-Script "$Copy is there already: choose another folder by -Path, or remove it where no machine uses it." }
$Made = if ($FolderIsNew) { $Path } else { $Copy }

function Set-Machine {
    Set-VMProcessor -VM $Machine -Count $Processors
    # Machines inside need memory that stays.
    Set-VMMemory -VM $Machine -DynamicMemoryEnabled $false
    # Server 2016 knows no automatic checkpoints.
    if ((Get-Command Set-VM).Parameters.ContainsKey('AutomaticCheckpointsEnabled')) {
        Set-VM -VM $Machine -AutomaticCheckpointsEnabled $false
    }
    if ($Generation -eq 2) { Set-VMFirmware -VM $Machine -EnableSecureBoot Off }
    if ($Nested) {
        # Machines inside have addresses of their own behind this card.
        Get-VMNetworkAdapter -VM $Machine | Set-VMNetworkAdapter -MacAddressSpoofing On
        Set-Nesting
    }
}

function Set-Nesting {
    # Intel: Windows 10 or Server 2016 and newer. AMD: Windows 11 (build 22000) or Server 2022 (20348); an older one takes
    # the setting, too, but then does not start the machine.
    $Old = [Environment]::OSVersion.Version.Build -lt 20348
    if ($Old -and ((Get-CimInstance -ClassName Win32_Processor | Select-Object -First 1).Manufacturer -eq 'AuthenticAMD')) {
        Write-Warning 'On AMD processors this Windows cannot nest: Windows 11 and Server 2022 can. The cloud will run containers, but no virtual machines.'
        return
    }
    try { Set-VMProcessor -VM $Machine -ExposeVirtualizationExtensions $true }
    catch { Write-Warning "This host cannot give nested virtualisation ($_): the cloud will run containers, but no virtual machines." }
}

# Whether this host can nest, it may say at the start only.
function Start-Machine {
    try { Start-VM -VM $Machine }
    catch {
        $Reason = $_
        if (-not (Get-VMProcessor -VM $Machine).ExposeVirtualizationExtensions) { throw }
        Set-VMProcessor -VM $Machine -ExposeVirtualizationExtensions $false
        Start-VM -VM $Machine
        # Had it failed for another reason, it would have failed again.
        Write-Warning "It started without nested virtualisation only ($Reason): the cloud will run containers, but no virtual machines."
    }
}

# Half a machine would stand in the way of the next try. What is in another folder, or was there before, is not this one.
function Remove-HalfMachine {
    try {
        Get-VM | Where-Object { ($_.Name -eq $Name) -and $_.Path.StartsWith($Path, 'OrdinalIgnoreCase') } | Remove-VM -Force
        if (Test-Path -LiteralPath $Made) { Remove-Item -LiteralPath $Made -Recurse -Force }
        Write-Step "Took the machine $Name back: the same command may be run again."
    }
    catch { Write-Warning "Could not take the machine $Name back ($_): remove it, and $Made, before the next try." }
}

$Whole = $false
# The last block runs after Ctrl-C, too.
try {
    Write-Step "Copying the disk to $Copy"
    Copy-Item -LiteralPath $Disk -Destination $Copy
    $Machine = New-VM -Name $Name -Generation $Generation -MemoryStartupBytes ([int64]$MemoryMiB * 1048576) -VHDPath $Copy -SwitchName $SwitchName -Path $Path
    Set-Machine
    if (-not $NoStart) { Start-Machine }
    $Whole = $true
}
catch { $Failure = "Hyper-V did not make or start the machine: $_ With less memory: -MemoryMiB; to make it without a start: -NoStart" }
finally { if (-not $Whole) { Remove-HalfMachine } }
if (-not $Whole) { Stop-Script $Failure }
Write-Step "Made the machine $Name. To see its screen: vmconnect localhost '$Name'"
if ($NoStart -or ($WaitSeconds -le 0)) { exit 0 }

$End = (Get-Date).AddSeconds($WaitSeconds)
# Hyper-V's daemons in the appliance tell it.
$Address = Wait-Address { (Get-VMNetworkAdapter -VM $Machine).IPAddresses } $End
if (-not $Address) { Stop-Script "Hyper-V does not tell its address within $WaitSeconds s; its screen does." }
Wait-Ready "http://$Address/" $WaitSeconds $End
Show-Addresses $Address 80 9090 8443 22
