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
    [int]$WaitSeconds = 300
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

# Asks the appliance's page how far it is.
function Wait-Ready([string]$Page, [int]$Seconds) {
    $Told = ''
    $End = (Get-Date).AddSeconds($Seconds)
    while ((Get-Date) -lt $End) {
        try { $State = (Invoke-WebRequest -UseBasicParsing -TimeoutSec 5 -Uri "${Page}state.json").Content | ConvertFrom-Json }
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
        Start-Sleep -Seconds 3
    }
    Stop-Script "The appliance is not ready after $Seconds s. It goes on by itself; its screen and $Page tell how far it is."
}

function Invoke-VBox {
    & $VBox @args
    if ($LASTEXITCODE -ne 0) { Stop-Script "VBoxManage $($args -join ' ') failed." }
}

$Found = Get-Command VBoxManage -ErrorAction SilentlyContinue
if ($Found) { $VBox = $Found.Source }
elseif ($env:VBOX_MSI_INSTALL_PATH) { $VBox = Join-Path $env:VBOX_MSI_INSTALL_PATH 'VBoxManage.exe' }
else { Stop-Script 'Could not find VBoxManage: install VirtualBox 6.1 or newer.' }
if (-not (Test-Path -LiteralPath $Appliance)) {
    Stop-Script "Could not find ${Appliance}: script and appliance belong in one folder."
}
if ((& $VBox list vms) -match ('^"' + [regex]::Escape($Name) + '" ')) {
    Stop-Script "There is a machine called $Name already: choose another name by -Name, or start it: VBoxManage startvm $Name"
}

function Test-Nesting {
    if (Test-VirtualisationHeld) { return }
    if ("$(& $VBox --version)" -match '^(\d+)\.(\d+)' -and ([int]$Matches[1] * 100 + [int]$Matches[2]) -lt 601) {
        Write-Warning 'This VirtualBox is too old for nesting: 6.1 gives it on Intel processors, 6.0 on AMD. The cloud will run containers, but no virtual machines.'
    }
}

if ($Nested) { Test-Nesting }
Invoke-VBox import $Appliance --vsys 0 --vmname $Name --cpus $Processors --memory $MemoryMiB
if ($Nested) {
    & $VBox modifyvm $Name --nested-hw-virt on
    if ($LASTEXITCODE -ne 0) { Write-Warning 'No nested virtualisation here: the cloud will run containers, but no virtual machines.' }
}
$Ports = @()
if ($Bridge) {
    Invoke-VBox modifyvm $Name '--nic1' bridged '--bridgeadapter1' $Bridge '--nic-promisc1' allow-all
} else {
    # On this computer's own address alone.
    foreach ($Port in 8080, 9090, 8443, 2222) { $Ports += Get-FreePort $Port $Ports }
    Invoke-VBox modifyvm $Name '--natpf1' "web,tcp,127.0.0.1,$($Ports[0]),,80" '--natpf1' "console,tcp,127.0.0.1,$($Ports[1]),,9090" '--natpf1' "api,tcp,127.0.0.1,$($Ports[2]),,8443" '--natpf1' "ssh,tcp,127.0.0.1,$($Ports[3]),,22"
}
Write-Step "Made the machine $Name."
if ($NoStart) { exit 0 }
Invoke-VBox startvm $Name
if ($Bridge) {
    Write-Step 'Its screen tells each step in lines that begin with EVC; the last one says ready, and the address to open.'
    exit 0
}
if ($WaitSeconds -gt 0) { Wait-Ready "http://127.0.0.1:$($Ports[0])/" $WaitSeconds }
Show-Addresses '127.0.0.1' $Ports[0] $Ports[1] $Ports[2] $Ports[3]
