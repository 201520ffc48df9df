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
    [switch]$NoStart,
    # How long to wait until it is ready; 0: do not wait.
    [ValidateRange(0, 86400)][int]$WaitSeconds = 300
)
$ErrorActionPreference = 'Stop'
$Appliance = Join-Path $PSScriptRoot 'ciab-0.1.0+20260101.0123abcd.ova'
$Nested = $true

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

function Invoke-VBox {
    & $VBox @args
    if ($LASTEXITCODE -ne 0) { throw "VBoxManage $($args -join ' ') failed (see above)." }
}

function Test-Machine { return [bool]((& $VBox list vms) -match ('^"' + [regex]::Escape($Name) + '" ')) }

$Found = Get-Command VBoxManage -ErrorAction SilentlyContinue
if ($Found) { $VBox = $Found.Source }
elseif ($env:VBOX_MSI_INSTALL_PATH) { $VBox = Join-Path $env:VBOX_MSI_INSTALL_PATH 'VBoxManage.exe' }
else { Stop-Script 'Could not find VBoxManage: install VirtualBox 6.1 or newer.' }
if (-not (Test-Path -LiteralPath $Appliance)) {
    Stop-Script "Could not find ${Appliance}: script and appliance belong in one folder."
}
if (Test-Machine) {
    Stop-Script "There is a machine called $Name already: choose another name by -Name, or start it: VBoxManage startvm $Name"
}

function Test-Nesting {
    if (Test-VirtualisationHeld) { return }
    if ("$(& $VBox --version)" -match '^(\d+)\.(\d+)' -and ([int]$Matches[1] * 100 + [int]$Matches[2]) -lt 601) {
        Write-Warning 'This VirtualBox is too old for nesting: 6.1 gives it on Intel processors, 6.0 on AMD. The cloud will run containers, but no virtual machines.'
    }
}

function Set-Machine {
    if ($Nested) {
        & $VBox modifyvm $Name --nested-hw-virt on
        if ($LASTEXITCODE -ne 0) { Write-Warning 'No nested virtualisation here: the cloud will run containers, but no virtual machines.' }
    }
    if ($Bridge) {
        Invoke-VBox modifyvm $Name '--nic1' bridged '--bridgeadapter1' $Bridge '--nicpromisc1' allow-all
    } else {
        Invoke-VBox modifyvm $Name '--natpf1' "web,tcp,127.0.0.1,$($Ports[0]),,80" '--natpf1' "console,tcp,127.0.0.1,$($Ports[1]),,9090" '--natpf1' "api,tcp,127.0.0.1,$($Ports[2]),,8443" '--natpf1' "ssh,tcp,127.0.0.1,$($Ports[3]),,22"
    }
}

# Half a machine would stand in the way of the next try.
function Remove-HalfMachine {
    if (-not (Test-Machine)) { return }
    # A start that failed holds the machine for a moment.
    foreach ($Pause in 0, 3) {
        Start-Sleep -Seconds $Pause
        # What is written to the output after Ctrl-C would end this block.
        & $VBox unregistervm $Name --delete | Out-Host
        if ($LASTEXITCODE -eq 0) {
            Write-Step "Took the machine $Name back: the same command may be run again."
            return
        }
    }
    Write-Warning "Could not take the machine $Name back: VBoxManage unregistervm $Name --delete"
}

if ($Nested) { Test-Nesting }
# On this computer's own address alone.
$Ports = @()
foreach ($Port in 8080, 9090, 8443, 2222) { $Ports += Get-FreePort $Port $Ports }
$Whole = $false
# The last block runs after Ctrl-C, too.
try {
    Invoke-VBox import $Appliance --vsys 0 --vmname $Name --cpus $Processors --memory $MemoryMiB
    Set-Machine
    Write-Step "Made the machine $Name."
    if (-not $NoStart) { Invoke-VBox startvm $Name }
    $Whole = $true
}
catch { $Failure = "$_" }
finally { if (-not $Whole) { Remove-HalfMachine } }
if (-not $Whole) { Stop-Script $Failure }
if ($NoStart) { exit 0 }
if ($Bridge) {
    Write-Step 'Its screen tells each step in lines that begin with EVC; the last one says ready, and the address to open.'
    exit 0
}
if ($WaitSeconds -gt 0) { Wait-Ready "http://127.0.0.1:$($Ports[0])/" $WaitSeconds ((Get-Date).AddSeconds($WaitSeconds)) }
Show-Addresses '127.0.0.1' $Ports[0] $Ports[1] $Ports[2] $Ports[3]
