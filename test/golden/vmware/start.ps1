# Starts this folder's machine in VMware Workstation or Player and tells when it is ready:
#   powershell -ExecutionPolicy Bypass -File start.ps1
#Requires -Version 5.1
param(
    # How long to wait until it is ready; 0: do not wait.
    [ValidateRange(0, 86400)][int]$WaitSeconds = 300,
    # Start it without its window.
    [switch]$NoWindow,
    # Power it off, as by its button.
    [switch]$Stop
)
$ErrorActionPreference = 'Stop'
$Vmx = Join-Path $PSScriptRoot 'ciab-0.1.0+20260101.0123abcd.vmx'
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

$Programs = @(${env:ProgramFiles(x86)}, $env:ProgramFiles) | Where-Object { $_ }

function Find-VMRun {
    $Found = Get-Command vmrun -ErrorAction SilentlyContinue
    if ($Found) { return $Found.Source }
    foreach ($Root in $Programs) {
        foreach ($Product in @('VMware\VMware Workstation', 'VMware\VMware Player', 'VMware\VMware VIX')) {
            $Path = Join-Path (Join-Path $Root $Product) 'vmrun.exe'
            if (Test-Path -LiteralPath $Path) { return $Path }
        }
    }
    Stop-Script 'Could not find vmrun: it comes with VMware Workstation. Install it, or open the .vmx file in Player.'
}

# Player is started by another word of vmrun than Workstation; the vmrun of VIX serves both.
function Get-HostType {
    $Folders = @(Split-Path -Parent $VMRun) + @($Programs | ForEach-Object { Join-Path $_ 'VMware\VMware Workstation' })
    if ($Folders | Where-Object { Test-Path -LiteralPath (Join-Path $_ 'vmware.exe') }) { return 'ws' }
    return 'player'
}

# What vmrun prints; where it takes longer it is ended.
function Invoke-VMRunUntil([datetime]$End, [string]$Arguments) {
    $Start = New-Object Diagnostics.ProcessStartInfo $VMRun, "-T $Type $Arguments"
    $Start.UseShellExecute = $false
    $Start.RedirectStandardOutput = $true
    $Process = [Diagnostics.Process]::Start($Start)
    if ($Process.WaitForExit(1000 * (Get-SecondsLeft $End 86400))) { return $Process.StandardOutput.ReadToEnd().Trim() }
    $Process.Kill()
}

if (-not (Test-Path -LiteralPath $Vmx)) { Stop-Script "Could not find ${Vmx}: script and machine belong in one folder." }
$VMRun = Find-VMRun
$Type = Get-HostType
if ($Stop) {
    & $VMRun -T $Type stop $Vmx soft
    exit $LASTEXITCODE
}
$Held = $Nested -and (Test-VirtualisationHeld)
if ((& $VMRun -T $Type list) -contains $Vmx) { Write-Step 'It is running already.' }
else {
    $Window = if ($NoWindow) { 'nogui' } else { 'gui' }
    & $VMRun -T $Type start $Vmx $Window
    if ($LASTEXITCODE -ne 0) {
        if ($Held) { Stop-Script 'VMware did not start it: set vhv.enable = "FALSE" in the .vmx file, or switch Hyper-V off as said above.' }
        Stop-Script 'VMware did not start it (see above). Where it says that this host cannot nest: set vhv.enable = "FALSE" in the .vmx file.'
    }
}
if ($WaitSeconds -le 0) { exit 0 }
$End = (Get-Date).AddSeconds($WaitSeconds)
# Open VM Tools in the appliance tell it. Without -wait vmrun does not find them in a machine that has no window, and
# -wait has no limit of its own.
$Address = Wait-Address { Invoke-VMRunUntil $End "getGuestIPAddress `"$Vmx`" -wait" } $End
if (-not $Address) { Stop-Script "VMware does not tell its address within $WaitSeconds s; its screen does." }
Wait-Ready "http://$Address/" $WaitSeconds $End
Show-Addresses $Address 80 9090 8443 22
